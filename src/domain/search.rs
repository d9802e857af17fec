//! What someone types to find a call again: a part of a phone number, or a call's identifier.

use uuid::Uuid;

use super::ids::CallId;

/// So many hexadecimal digits at least are the beginning of an identifier: fewer would be digits of a
/// number, and begin the identifiers of months.
const ID_BEGINS: usize = 8;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// This call.
    Id(CallId),
    /// The call that the carrier calls so.
    Sid(String),
    /// Calls from or to a number with this in it, or with an identifier within these bounds.
    Part { number: String, ids: Option<(CallId, CallId)> },
}

impl Search {
    /// What a person means by this text; nothing by blanks.
    pub fn of(text: &str) -> Option<Search> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if let Ok(id) = text.parse() {
            return Some(Search::Id(id));
        }
        let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(digits) = text.strip_prefix("CA").or(text.strip_prefix("ca"))
            && digits.len() == 32
            && hex(digits)
        {
            return Some(Search::Sid(format!("CA{}", digits.to_ascii_lowercase())));
        }
        // As numbers are kept: without what people put between the digits.
        let bare: String = text.chars().filter(|c| !" \u{a0}-.()/".contains(*c)).collect();
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = if is_number { bare } else { text.to_lowercase() };
        Some(Search::Part { number, ids: begins(text) })
    }
}

/// The first and the last identifier that begin so.
fn begins(text: &str) -> Option<(CallId, CallId)> {
    let text = text.strip_prefix("call_").unwrap_or(text);
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let whole = |fill: char| {
        let fill = std::iter::repeat_n(fill, 32 - digits.len());
        let whole: String = digits.chars().chain(fill).collect();
        Uuid::parse_str(&whole).ok().map(CallId::from)
    };
    let fits =
        (ID_BEGINS..32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    if fits { whole('0').zip(whole('f')) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> String {
        match Search::of(text) {
            Some(Search::Part { number, .. }) => number,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn numbers_are_looked_for_as_they_are_kept() {
        assert_eq!(number(" +1 (415) 555-01.23 "), "+14155550123");
        assert_eq!(number("0123"), "0123");
        assert_eq!(number("sip:Ann@Example.com"), "sip:ann@example.com");
        assert_eq!(number("50%_\\"), "50%_\\");
        assert_eq!(Search::of("  "), None);
    }

    #[test]
    fn identifiers_are_found_whole_and_by_their_beginning() {
        let id: CallId = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b".parse().expect("one");
        assert_eq!(Search::of("call_0190A1B2c3d47e5f8a9b0c1d2e3f4a5b"), Some(Search::Id(id)));
        for part in ["0190a1b2", "0190a1b2-c3d4-7e", "call_0190a1b2"] {
            let Some(Search::Part { ids: Some((first, last)), .. }) = Search::of(part) else {
                panic!("{part} begins identifiers");
            };
            assert!(first <= id && id <= last, "{part}");
        }
        let digits = Search::of("0190a1b");
        assert!(matches!(digits, Some(Search::Part { ids: None, .. })), "too short: {digits:?}");
        let sid = format!("CA{}", "0F".repeat(16));
        assert_eq!(Search::of(&sid), Some(Search::Sid(format!("CA{}", "0f".repeat(16)))));
    }
}
