//! What must stay out of logs: phone numbers and other personal text.
//!
//! Both types show masked text for `Debug`, and only an explicit `expose()` gives the content, so
//! each place that handles the real thing can be found by that word.

use std::{fmt, str::FromStr};

/// The party at one end of a call or a message, as the carrier wrote it: an E.164 number, a
/// `client:` or `sip:` address, or a word such as `anonymous` for a withheld number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

/// What the carrier writes where the number is withheld or unknown. The digits spell the English
/// words on a keypad: anonymous, restricted, blocked, unknown, unavailable, no caller id.
const WITHHELD: [&str; 12] = [
    "anonymous",
    "unknown",
    "restricted",
    "blocked",
    "unavailable",
    "private",
    "266696687",
    "7378742833",
    "2562533",
    "8656696",
    "86282452253",
    "464",
];

impl PhoneNumber {
    /// Takes any text; a webhook is never refused for the spelling of a party.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The number itself. Not for logs, metrics or errors.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `+`, a digit from 1 to 9, then 1 to 14 more digits.
    pub fn is_e164(&self) -> bool {
        let Some(digits) = self.0.strip_prefix('+') else { return false };
        (2..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    }

    /// Did the party withhold the number, or the network lose it?
    pub fn is_withheld(&self) -> bool {
        let bare = self.0.strip_prefix('+').unwrap_or(&self.0);
        bare.is_empty() || WITHHELD.iter().any(|word| word.eq_ignore_ascii_case(bare))
    }

    fn masked(&self) -> String {
        if self.is_withheld() {
            return self.0.clone();
        }
        if let Some((scheme, _)) = self.0.split_once(':')
            && ["client", "sip", "sips", "whatsapp", "messenger", "rcs"].contains(&scheme)
        {
            return format!("{scheme}:***");
        }
        // The first digit after a plus is the world zone. Below seven digits (short codes, inner
        // extensions) what would stay visible is too much of the whole.
        let long = self.0.chars().filter(char::is_ascii_digit).count() >= 7;
        let count = self.0.chars().count();
        let keep_first = usize::from(self.0.starts_with('+')) * if long { 2 } else { 1 };
        self.0
            .chars()
            .enumerate()
            .map(|(at, character)| {
                let shown = at < keep_first || (long && at + 2 >= count);
                if shown { character } else { '*' }
            })
            .collect()
    }
}

impl From<&str> for PhoneNumber {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl FromStr for PhoneNumber {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

/// Masked: `+1********09`.
impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// Text that someone said, typed or is called: kept whole, shown only as its length.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Private(String);

impl Private {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Not for logs, metrics or errors.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Private {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Private {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} characters>", self.0.chars().count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_shows_its_zone_and_last_two_digits() {
        let number = PhoneNumber::new("+14158675309");
        assert_eq!(format!("{number:?} {number}"), "+1********09 +1********09");
        assert_eq!(number.expose(), "+14158675309");
    }

    #[test]
    fn other_parties_show_no_more_than_their_kind() {
        let shown = |text: &str| PhoneNumber::new(text).to_string();
        assert_eq!(shown("client:alice"), "client:***");
        assert_eq!(shown("sip:alice@example.com"), "sip:***");
        assert_eq!(shown("whatsapp:+14158675309"), "whatsapp:***");
        assert_eq!(shown("4158675309"), "********09");
        assert_eq!(shown("12345"), "*****");
        assert_eq!(shown("+12345"), "+*****");
        assert_eq!(shown("Anonymous"), "Anonymous");
        assert_eq!(shown("+266696687"), "+266696687");
        assert_eq!(shown("sïp:é"), "*****");
    }

    #[test]
    fn e164_is_plus_and_up_to_fifteen_digits() {
        for (text, is) in [
            ("+14158675309", true),
            ("+123456789012345", true),
            ("+1234567890123456", false),
            ("+0123456", false),
            ("14158675309", false),
            ("+1415867530x", false),
            ("+", false),
        ] {
            assert_eq!(PhoneNumber::new(text).is_e164(), is, "{text}");
        }
    }

    #[test]
    fn private_text_shows_its_length() {
        assert_eq!(format!("{:?}", Private::new("añb")), "<3 characters>");
    }
}
