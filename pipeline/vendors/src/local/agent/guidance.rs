//! A supervisor's word, turned into a sentence for the caller where it asks for one.
//!
//! Understood are imperatives of telling: "say …", "tell the caller …", "mention …", "offer …",
//! "remind them …", "ask …", "let them know …". Anything else (a change of tone, of rules) this agent
//! cannot follow and leaves alone.

use super::words::{capitalised, stopped};

/// Characters of guidance that are passed on.
const LONGEST: usize = 400;

/// The sentence for the caller that `guidance` asks for.
pub(super) fn sentence(guidance: &str) -> Option<String> {
    let mut text = guidance.trim();
    for polite in ["please ", "could you ", "can you ", "you should ", "and ", "also "] {
        text = without(text, polite).unwrap_or(text).trim_start();
    }
    let whom = [
        "the caller ",
        "the customer ",
        "the patient ",
        "the client ",
        "caller ",
        "customer ",
        "them ",
        "him ",
        "her ",
    ];
    let to = |text: &'_ str| -> usize {
        let start = text.len();
        let rest = without(text, "to ").unwrap_or(text);
        whom.iter().find_map(|whom| without(rest, whom)).map_or(0, |rest| start - rest.len())
    };
    let after_whom = |text: &str| text[to(text)..].trim_start_matches([',', ':', ' ']).to_owned();

    let told = if let Some(rest) = without(text, "say ") {
        clause(&after_whom(rest)).to_owned()
    } else if let Some(rest) = without(text, "say: ") {
        rest.to_owned()
    } else if let Some(rest) = without(text, "let ") {
        let rest = after_whom(rest);
        clause(without(&rest, "know ")?).to_owned()
    } else if let Some(rest) = without(text, "tell ").or_else(|| without(text, "inform ")) {
        about(&after_whom(rest))
    } else if let Some(rest) = without(text, "mention ") {
        let rest = after_whom(rest);
        match without(&rest, "that ") {
            Some(said) => said.to_owned(),
            None => format!("I should also mention {rest}"),
        }
    } else if let Some(rest) = without(text, "remind ") {
        let rest = after_whom(rest);
        match without(&rest, "to ") {
            Some(act) => format!("Please remember to {act}"),
            None => about(&rest),
        }
    } else if let Some(rest) = without(text, "offer ") {
        format!("I can offer {} {}", "you", after_whom(rest)).replace("you to ", "to ")
    } else if let Some(rest) = without(text, "ask ") {
        let rest = after_whom(rest);
        match (without(&rest, "for "), without(&rest, "if ").or_else(|| without(&rest, "whether ")))
        {
            (Some(thing), _) => format!("May I have {}?", thing.trim_end_matches(['.', '?'])),
            (_, Some(whether)) => {
                format!("May I ask whether {}?", whether.trim_end_matches(['.', '?']))
            }
            _ => return None,
        }
    } else {
        return None;
    };
    let told = told.trim().trim_matches(['"', '\u{201c}', '\u{201d}', '\'']).trim();
    let kept: String = told.chars().take(LONGEST).collect();
    let words = addressed(&kept);
    words.chars().any(char::is_alphanumeric).then(|| capitalised(&stopped(&words)))
}

/// `text` without these words at its beginning, in any case.
fn without<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let head = text.get(..start.len())?;
    head.eq_ignore_ascii_case(start).then(|| &text[start.len()..])
}

/// "that we close early" as a sentence's words.
fn clause(text: &str) -> &str {
    without(text, "that ").unwrap_or(text)
}

/// "about the offer" cannot stand alone.
fn about(text: &str) -> String {
    match without(text, "about ").or_else(|| without(text, "of ")) {
        Some(thing) => format!("I should also mention {thing}"),
        None => clause(text).to_owned(),
    }
}

/// The caller is spoken of in guidance, and spoken to in the call.
fn addressed(text: &str) -> String {
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    for word in &mut words {
        let plain = word.to_lowercase();
        let becomes = match plain.trim_end_matches(['.', ',', '!', '?']) {
            "they" | "them" => "you",
            "their" => "your",
            "they're" => "you're",
            "they'll" => "you'll",
            "they've" => "you've",
            "themselves" => "yourself",
            _ => continue,
        };
        let tail: String =
            plain.chars().skip_while(|c| c.is_alphanumeric() || *c == '\'').collect();
        *word = format!("{becomes}{tail}");
    }
    let text = words.join(" ");
    ["the caller's ", "the customer's ", "the patient's "]
        .iter()
        .fold(text, |text, whose| text.replace(whose, "your "))
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn imperatives_become_sentences_for_the_caller() {
        for (guidance, told) in [
            ("Tell the caller that we have a free slot tomorrow", "We have a free slot tomorrow."),
            ("say we close early today", "We close early today."),
            ("Please tell them their form is missing.", "Your form is missing."),
            ("Offer a ten percent discount", "I can offer you a ten percent discount."),
            ("offer them to call back", "I can offer to call back."),
            ("Mention the whitening offer", "I should also mention the whitening offer."),
            ("mention that parking is free", "Parking is free."),
            ("Remind them to bring a card", "Please remember to bring a card."),
            ("Ask for their phone number", "May I have your phone number?"),
            ("let him know that Dr Marsh is away", "Dr Marsh is away."),
            ("Say \"Hello there\"", "Hello there."),
        ] {
            assert_eq!(sentence(guidance).as_deref(), Some(told), "{guidance}");
        }
        for left_alone in
            ["Be friendlier.", "Slow down", "", "say ", "Do not mention prices", "tell "]
        {
            assert_eq!(sentence(left_alone), None, "{left_alone}");
        }
    }
}
