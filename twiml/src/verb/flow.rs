//! What becomes of a document after a verb that may or may not be its last.

use crate::{Document, Response, response::kind::Kind};

mod sealed {
    pub trait Sealed {}
}

/// Whether verbs after this one can run: [`Continues`] or [`Ends`].
pub trait Flow: sealed::Sealed {
    /// What adding the verb gives.
    type Next<K: Kind>;

    #[doc(hidden)]
    fn next<K: Kind>(response: Response<K>) -> Self::Next<K>;
}

/// Without an `action` the document goes on with its next verb.
#[derive(Clone, Debug)]
pub enum Continues {}

/// With an `action` the carrier asks there for another document: no verb after it would run.
#[derive(Clone, Debug)]
pub enum Ends {}

impl sealed::Sealed for Continues {}
impl sealed::Sealed for Ends {}

impl Flow for Continues {
    type Next<K: Kind> = Response<K>;

    fn next<K: Kind>(response: Response<K>) -> Response<K> {
        response
    }
}

impl Flow for Ends {
    type Next<K: Kind> = Document;

    fn next<K: Kind>(response: Response<K>) -> Document {
        response.end()
    }
}
