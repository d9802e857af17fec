//! Where a party's number belongs, as the carrier looked it up.

use super::fields::Fields;

/// The place of a number. For a mobile it is where the number was issued, not where the phone is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub city: Option<String>,
    pub state: Option<String>,
    pub zip: Option<String>,
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
}

impl Place {
    /// `prefix` is `From` or `To`.
    pub(super) fn take(fields: &mut Fields, prefix: &str) -> Self {
        let mut part = |name: &str| fields.optional(&format!("{prefix}{name}"));
        Self {
            city: part("City"),
            state: part("State"),
            zip: part("Zip"),
            country: part("Country"),
        }
    }
}
