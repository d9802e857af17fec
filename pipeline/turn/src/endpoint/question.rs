//! What the agent had asked, as far as it was heard.

use serde::{Deserialize, Serialize};

use crate::words;

mod russian;

/// What the agent's last words asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    YesOrNo,
    /// A telephone number, an account: digits with pauses between groups.
    Number,
    /// A name or a code, letter by letter.
    Spelling,
    /// An e-mail address.
    Email,
    /// Where somebody lives.
    Address,
    /// A day, of an appointment or a birth.
    Date,
    Other,
}

/// What these words of the agent ask for, if anything: by their last sentence, or by an order ("please
/// spell it") in the last two.
pub fn question(text: &str) -> Option<Question> {
    let sentences = sentences(text);
    let last = sentences.last()?;
    let spoken = words::normalised(last);
    if !last.ends_with('?') {
        return sentences.iter().rev().take(2).find_map(|sentence| ordered(sentence));
    }
    if russian::is_russian(last) {
        return Some(russian::asked(&spoken));
    }
    if is_yes_or_no(&spoken) && !asks_politely(&spoken) {
        // "Is this your number?" wants a yes, not a number.
        return Some(Question::YesOrNo);
    }
    Some(subject(&spoken).unwrap_or(Question::Other))
}

/// An order to say something, not put as a question.
fn ordered(sentence: &str) -> Option<Question> {
    let spoken = words::normalised(sentence);
    if russian::is_russian(sentence) {
        return russian::ordered(&spoken);
    }
    let orders = spoken.iter().take(6).any(|word| {
        matches!(word.as_str(), "please" | "tell" | "give" | "say" | "spell" | "enter" | "need")
    });
    if orders { subject(&spoken) } else { None }
}

/// What is asked for, by its name.
fn subject(spoken: &[String]) -> Option<Question> {
    let has = |names: &[&str]| spoken.iter().any(|word| names.contains(&word.as_str()));
    let joined = spoken.join(" ");
    if has(&["spell", "spelling", "spelled"]) || joined.contains("letter by letter") {
        Some(Question::Spelling)
    } else if has(&["email", "e-mail"]) || joined.contains("e mail") {
        Some(Question::Email)
    } else if has(&["number", "numbers", "digits", "account", "code", "pin", "extension"]) {
        Some(Question::Number)
    } else if has(&["address", "street", "postcode", "zip"]) || joined.contains("where do you live")
    {
        Some(Question::Address)
    } else if has(&["date", "day", "birthday", "when"]) {
        Some(Question::Date)
    } else {
        None
    }
}

/// "Could you tell me your number?" asks for the number.
fn asks_politely(spoken: &[String]) -> bool {
    let first = |at: usize| spoken.get(at).map_or("", String::as_str);
    let polite = matches!(first(0), "can" | "could" | "may" | "would" | "will")
        && matches!(first(1), "you" | "i" | "we");
    let handing = spoken.iter().skip(2).take(3).any(|word| {
        matches!(
            word.as_str(),
            "give"
                | "tell"
                | "say"
                | "spell"
                | "have"
                | "get"
                | "take"
                | "repeat"
                | "provide"
                | "read"
        )
    });
    polite && handing && subject(spoken).is_some()
}

fn is_yes_or_no(spoken: &[String]) -> bool {
    let opens = |word: &String| {
        matches!(
            word.as_str(),
            "is" | "are"
                | "was"
                | "were"
                | "do"
                | "does"
                | "did"
                | "can"
                | "could"
                | "would"
                | "will"
                | "shall"
                | "should"
                | "have"
                | "has"
                | "may"
                | "isn't"
                | "aren't"
                | "don't"
                | "didn't"
                | "won't"
        )
    };
    // "So, would you like that?", "And is it urgent?"
    let lead =
        |word: &String| matches!(word.as_str(), "so" | "and" | "okay" | "ok" | "well" | "then");
    let tagged = matches!(
        spoken.last().map(String::as_str),
        Some("right" | "correct" | "okay" | "ok" | "yes" | "isn't")
    );
    spoken.iter().find(|word| !lead(word)).is_some_and(opens) || (tagged && spoken.len() > 1)
}

/// The sentences of a text with their marks.
fn sentences(text: &str) -> Vec<&str> {
    let pieces = text.split_inclusive(['.', '!', '?']).map(str::trim);
    pieces.filter(|piece| piece.chars().any(char::is_alphanumeric)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_known_by_what_it_asks_for() {
        let cases = [
            ("We open at eight.", None),
            ("We open at eight. Would you like to come?", Some(Question::YesOrNo)),
            ("So, is that all?", Some(Question::YesOrNo)),
            ("You are coming on Friday, right?", Some(Question::YesOrNo)),
            ("Is this still your number?", Some(Question::YesOrNo)),
            ("Fine. What is your phone number?", Some(Question::Number)),
            ("Could you give me your account number?", Some(Question::Number)),
            ("Can I have your e-mail address, please?", Some(Question::Email)),
            ("What's the best email for you?", Some(Question::Email)),
            ("How do you spell that?", Some(Question::Spelling)),
            ("Could you spell your last name?", Some(Question::Spelling)),
            ("And your home address?", Some(Question::Address)),
            ("When would you like to come?", Some(Question::Date)),
            ("What is your date of birth?", Some(Question::Date)),
            ("Thank you. Please tell me your telephone number.", Some(Question::Number)),
            ("Please spell it. Take your time.", Some(Question::Spelling)),
            ("How can I help you?", Some(Question::Other)),
            ("", None),
            ("Мы открыты с восьми.", None),
            ("Есть время во вторник. Вам удобно?", Some(Question::YesOrNo)),
            ("Это ваш номер?", Some(Question::YesOrNo)),
            ("Записать вас на эту дату?", Some(Question::YesOrNo)),
            ("Вы уверены, что хотите отменить запись?", Some(Question::YesOrNo)),
            ("Вы придёте в пятницу, верно?", Some(Question::YesOrNo)),
            ("Вы придёте или нет?", Some(Question::YesOrNo)),
            ("Утром или вечером?", Some(Question::Other)),
            ("Чем могу помочь?", Some(Question::Other)),
            ("Во сколько вам удобно?", Some(Question::Other)),
            ("Какой у вас номер телефона?", Some(Question::Number)),
            ("А ваш номер телефона?", Some(Question::Number)),
            ("Можно ваш номер?", Some(Question::Number)),
            ("Не могли бы вы продиктовать номер договора?", Some(Question::Number)),
            ("Спасибо. Назовите, пожалуйста, ваш номер телефона.", Some(Question::Number)),
            ("Как пишется ваша фамилия?", Some(Question::Spelling)),
            ("Продиктуйте фамилию по буквам.", Some(Question::Spelling)),
            ("Какой у вас адрес электронной почты?", Some(Question::Email)),
            ("По какому адресу приехать?", Some(Question::Address)),
            ("Где вы живёте?", Some(Question::Address)),
            ("Когда вам удобно прийти?", Some(Question::Date)),
            ("Ваша дата рождения?", Some(Question::Date)),
            ("Подскажите, вам удобно?", Some(Question::YesOrNo)),
            ("Подскажите ваш адрес?", Some(Question::Address)),
            ("Назовите ваш адрес?", Some(Question::Address)),
            ("Есть какие-нибудь вопросы?", Some(Question::YesOrNo)),
            ("Правильно ли я понял, что вы хотите отменить запись?", Some(Question::YesOrNo)),
            ("На какой день вас записать?", Some(Question::Date)),
        ];
        for (text, wanted) in cases {
            assert_eq!(question(text), wanted, "{text:?}");
        }
    }
}
