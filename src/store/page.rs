//! One page of a list.

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// So many rows at most.
    pub size: i64,
    /// So many rows are passed over.
    pub offset: i64,
}

/// A page of a list, and how long the whole list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<T> {
    pub items: Vec<T>,
    pub total: i64,
}

impl Page {
    /// The page with this number, from 1, of `size` rows.
    pub fn numbered(number: i64, size: i64) -> Self {
        Page { size, offset: (number - 1).saturating_mul(size) }
    }
}

impl<T> Paged<T> {
    /// The same page of other things.
    ///
    /// # Errors
    /// The first that could not be made.
    pub fn try_map<U, E>(self, make: impl FnMut(T) -> Result<U, E>) -> Result<Paged<U>, E> {
        let items = self.items.into_iter().map(make).collect::<Result<_, _>>()?;
        Ok(Paged { items, total: self.total })
    }
}
