//! What the machine says by itself, in the languages it has.

use crate::policy::{Idle, Patience, Policy};

impl Policy {
    /// What is said by default, in the language of this tag where the machine has it ("ru-RU": Russian); what
    /// was set to other words stays.
    #[must_use]
    pub fn in_language(mut self, tag: &str) -> Self {
        let base = tag.split(['-', '_']).next().unwrap_or_default();
        if !base.eq_ignore_ascii_case("ru") {
            return self;
        }
        let (patience, idle) = (Patience::default(), Idle::default());
        for (said, usual, russian) in [
            (&mut self.patience.filler, patience.filler, "Одну минуту, пожалуйста."),
            (
                &mut self.patience.apology,
                patience.apology,
                "Простите, сейчас я не могу на это ответить. Повторите, пожалуйста, ещё раз.",
            ),
            (
                &mut self.patience.unheard,
                patience.unheard,
                "Простите, я не расслышала. Повторите, пожалуйста.",
            ),
            (
                &mut self.patience.give_up,
                patience.give_up,
                "Простите, сейчас я не могу вам помочь. Перезвоните, пожалуйста, позже.",
            ),
            (
                &mut self.patience.deaf,
                patience.deaf,
                "Простите, сейчас я вас не слышу. Перезвоните, пожалуйста, позже.",
            ),
            (&mut self.idle.prompt, idle.prompt, "Вы ещё на линии?"),
            (
                &mut self.idle.goodbye,
                idle.goodbye,
                "Я вас не слышу и сейчас положу трубку. До свидания.",
            ),
        ] {
            if *said == usual {
                said.clear();
                said.push_str(russian);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_stays_and_the_rest_is_said_in_the_caller_s_language() {
        let mut policy = Policy::default();
        policy.patience.filler = "Секунду.".to_owned();
        let russian = policy.clone().in_language("ru_RU");
        assert_eq!(russian.patience.filler, "Секунду.");
        assert_eq!(russian.idle.prompt, "Вы ещё на линии?");
        assert_eq!(policy.clone().in_language("en-GB"), policy);
    }
}
