//! What is heard, and what is asked for: `<Say>`, `<Play>`, `<Gather>`.

use super::tree::Element;
use super::{BadMarkup, Link, pause};

/// The longest that anything is repeated: the carrier stops there, too.
const MOST_TIMES: u64 = 1_000;

/// Something that the caller hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// `<Say>`.
    Said {
        /// The text, without markup.
        text: String,
        /// How often.
        times: u64,
    },
    /// `<Play>` with an address.
    Played {
        /// As the document has it, perhaps relative.
        url: String,
        /// How often.
        times: u64,
    },
    /// `<Play digits>`.
    Keys(String),
    /// `<Pause>` within a `<Gather>`, seconds.
    Pause(u64),
}

impl Heard {
    /// In a word, for reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Said { .. } => "Say",
            Self::Played { .. } | Self::Keys(_) => "Play",
            Self::Pause(_) => "Pause",
        }
    }

    /// What is said or played, for reports.
    #[must_use]
    pub fn what(&self) -> &str {
        match self {
            Self::Said { text, .. } => text,
            Self::Played { url, .. } => url,
            Self::Keys(_) | Self::Pause(_) => "",
        }
    }
}

/// `<Gather>`, as far as it asks for keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gather {
    /// Asked with the keys; the document itself if there is none.
    pub action: Option<Link>,
    /// Whether `action` is asked without an answer, too.
    pub even_if_silent: bool,
    /// Whether keys are listened for at all, not only speech.
    pub keys: bool,
    /// So many keys are the answer.
    pub most_keys: Option<usize>,
    /// Ends the answer and is no part of it.
    pub finish_on: Option<char>,
    /// Seconds to wait for the next key.
    pub timeout: u64,
    /// What is heard meanwhile.
    pub prompts: Vec<Heard>,
}

/// Reads `<Say>` and `<Play>`.
pub fn heard(element: &Element) -> Result<Heard, BadMarkup> {
    let times = match element.number("loop", MOST_TIMES)?.unwrap_or(1) {
        // Without end, as the carrier has it.
        0 => MOST_TIMES,
        times => times,
    };
    if element.name == "Say" {
        return Ok(Heard::Said { text: words_in(element), times });
    }
    if let Some(keys) = element.attribute("digits") {
        return Ok(Heard::Keys(keys.to_owned()));
    }
    let url = element.text.trim();
    if url.is_empty() {
        return Err(BadMarkup::Lacks { verb: "Play", what: "URL" });
    }
    Ok(Heard::Played { url: url.to_owned(), times })
}

/// All text in the element, the text in SSML's elements among it (at its end).
fn words_in(element: &Element) -> String {
    let mut text = element.text.trim().to_owned();
    for child in &element.children {
        let inner = words_in(child);
        if !text.is_empty() && !inner.is_empty() {
            text.push(' ');
        }
        text.push_str(&inner);
    }
    text
}

/// Reads `<Gather>`.
pub fn gather(element: &Element) -> Result<Gather, BadMarkup> {
    let wrong = |attribute: &'static str| BadMarkup::Value {
        attribute,
        value: element.attribute(attribute).unwrap_or_default().to_owned(),
    };
    let finish_on = match element.attribute("finishOnKey") {
        None => Some('#'),
        Some("") => None,
        Some(key) => {
            let mut chars = key.chars();
            match (chars.next(), chars.next()) {
                (Some(key), None) if key.is_ascii_digit() || "*#".contains(key) => Some(key),
                _ => return Err(wrong("finishOnKey")),
            }
        }
    };
    let input = element.attribute("input").unwrap_or("dtmf");
    let most_keys = element.number("numDigits", 1_000)?;
    if most_keys == Some(0) {
        return Err(wrong("numDigits"));
    }
    let prompts = element.children.iter().filter_map(|child| match child.name.as_str() {
        "Say" | "Play" => Some(heard(child)),
        "Pause" => Some(pause(child).map(Heard::Pause)),
        _ => None,
    });
    Ok(Gather {
        action: element.link("action", "method")?,
        even_if_silent: element.flag("actionOnEmptyResult", false)?,
        keys: input.split_ascii_whitespace().any(|input| input == "dtmf"),
        most_keys: most_keys.and_then(|most| usize::try_from(most).ok()),
        finish_on,
        timeout: match element.attribute("timeout") {
            Some("auto") => 5,
            _ => element.number("timeout", 3_600)?.unwrap_or(5),
        },
        prompts: prompts.collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Verb, parse};
    use super::*;

    #[test]
    fn a_gather_says_what_ends_it() {
        let verbs = parse(
            r#"<Response><Gather action="/keys" numDigits="1" timeout="3" finishOnKey="">
               <Say loop="2">Press <emphasis>one</emphasis></Say><Pause length="2"/><Play>/a.wav</Play>
               </Gather><Gather input="speech"/></Response>"#,
        )
        .unwrap();
        let [Verb::Gather(keys), Verb::Gather(speech)] = &verbs[..] else { panic!("{verbs:?}") };
        assert_eq!(keys.action.as_ref().map(|link| link.url.as_str()), Some("/keys"));
        assert_eq!((keys.most_keys, keys.timeout, keys.finish_on), (Some(1), 3, None));
        assert_eq!(
            keys.prompts,
            [
                Heard::Said { text: "Press one".to_owned(), times: 2 },
                Heard::Pause(2),
                Heard::Played { url: "/a.wav".to_owned(), times: 1 },
            ]
        );
        assert_eq!((speech.keys, speech.timeout, speech.finish_on), (false, 5, Some('#')));
        for wrong in ["finishOnKey='12'", "finishOnKey='x'", "numDigits='0'", "timeout='soon'"] {
            let document = format!("<Response><Gather {wrong}/></Response>");
            assert_eq!(parse(&document).unwrap_err().code(), 12200, "{wrong}");
        }
    }
}
