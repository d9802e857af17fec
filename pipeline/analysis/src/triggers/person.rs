//! Does the caller ask for a person?

use std::ops::Range;

use crate::{
    Language, phrases,
    words::{Word, words},
};

/// Whether the caller asks for a person, or to be put through to somebody. That they do not want one,
/// or spoke with one before, is no request.
pub fn asks_for_person(text: &str, language: Language) -> bool {
    request(&words(text), language.of_turn(text)).is_some()
}

/// The words of a request for a person.
pub(crate) fn request(words: &[Word], language: Language) -> Option<Range<usize>> {
    let phrases = phrases::of(language)?;
    let mut from = 0;
    while let Some(found) = phrases.person.find_from(words, from) {
        let refused = (0..found.end).any(|at| {
            let refusal = phrases.no_person.longest(words, at);
            refusal.is_some_and(|refusal| refusal.end > found.start)
        });
        if !refused || is_refusal_of_machines(words, &found) {
            return Some(found);
        }
        from = found.end;
    }
    None
}

/// "I don't want to talk to a robot" refuses the machine, not the person.
fn is_refusal_of_machines(words: &[Word], found: &Range<usize>) -> bool {
    let machines = ["robot", "bot", "machine", "computer", "recording", "ai"];
    let russian = ["робот", "машин", "бот", "автоответчик", "компьютер"];
    words[found.clone()].iter().any(|word| {
        machines.contains(&word.text.as_str()) || russian.iter().any(|it| word.text.starts_with(it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_talk_of_persons() {
        let asked = [
            "can I speak to a human please",
            "I want to talk to a real person",
            "representative",
            "operator please",
            "agent agent",
            "just get me a manager",
            "let me speak with somebody",
            "could you put me through to the front desk",
            "transfer me to billing",
            "connect me with sales please",
            "is there anyone I can talk to",
            "I don't want to talk to a robot",
            "I'm not talking to a machine",
            "why can't I just talk to a person",
            "no no no a real person please",
            "have someone call me back",
            "соедините меня с оператором",
            "позовите человека",
            "хочу поговорить с живым человеком",
            "оператор",
            "можно администратора",
            "переключите на менеджера пожалуйста",
            "я не хочу разговаривать с роботом",
            "дайте мне вашего начальника",
            "есть там кто-нибудь живой",
        ];
        let is = |text: &&str| asks_for_person(text, Language::English.of_turn(text));
        let unmet: Vec<_> = asked.into_iter().filter(|text| !is(text)).collect();
        assert_eq!(unmet, [""; 0], "these are requests");
        let not = [
            "my real estate agent sent me",
            "I spoke to a person yesterday",
            "I don't want to speak to a person",
            "no need to transfer me",
            "no need at all to put me through",
            "please don't put me through to anybody",
            "the operator of the machine was injured",
            "he's a very nice person",
            "how many people can come",
            "I need to transfer money to my daughter",
            "are you the manager",
            "can I talk to you about my bill",
            "it's for one person",
            "я вчера говорил с оператором",
            "не надо меня переключать на оператора",
            "столик на одного человека",
            "мне нужно перевести деньги",
            "оператор связи у меня другой",
            "сколько человек может прийти",
        ];
        let met: Vec<_> = not.into_iter().filter(is).collect();
        assert_eq!(met, [""; 0], "these are not");
        assert!(!asks_for_person("operator", Language::Other));
    }
}
