//! Calls in Russian: nods, answers, what leads on, and numbers in words.

use turn::{Engine, Message};

use crate::sim::{ANSWER_AT, Sim};

const LONG: &str = "Мы открыты с восьми до шести по будням. В субботу мы закрываемся в час. В \
                    воскресенье мы закрыты, но в срочном случае можно позвонить нашим коллегам.";

/// The words of the caller that the model was told.
fn told(call: &Sim) -> Vec<String> {
    let words = call.call.history().into_iter().filter_map(|message| match message {
        Message::Caller { text } => Some(text),
        _ => None,
    });
    words.collect()
}

#[test]
fn a_nod_does_not_take_the_floor() {
    for nod in ["Угу.", "Ага.", "Да-да.", "Так, понятно.", "Ясно.", "Хорошо.", "Да, да."]
    {
        let mut call = Sim::answering(LONG);
        call.says(ANSWER_AT + 2_000, nod);
        call.run_until(25_000);
        assert_eq!(call.asks(Engine::Chosen), 1, "{nod}");
        assert_eq!(call.ear()[0], LONG, "{nod}");
    }
}

#[test]
fn other_words_do() {
    for words in ["А в воскресенье?", "Нет, не так.", "Девушка, минутку."]
    {
        let mut call = Sim::answering(LONG);
        call.answers("Слушаю вас.");
        call.says(ANSWER_AT + 2_000, words);
        call.run_until(25_000);
        assert_eq!(call.ear()[1], "Слушаю вас.", "{words}");
        call.assert_ear_agrees();
    }
}

#[test]
fn yes_to_what_the_agent_just_asked_is_an_answer() {
    let mut call = Sim::answering(
        "Есть время во вторник в девять. Вам удобно? Если нет, я посмотрю для вас другой день.",
    );
    call.answers("Тогда записываю.");
    call.says(ANSWER_AT + 3_600, "Да.");
    call.run_until(14_000);
    assert_eq!(call.ear().last().unwrap(), "Тогда записываю.");
    assert_eq!(told(&call)[1..], ["Да."]);
}

#[test]
fn who_stops_at_and_is_waited_for() {
    for words in ["Я хочу записаться на", "Мне нужен врач и", "Я не приду, потому что", "Ну"]
    {
        let mut call = Sim::listening();
        call.answers("Хорошо.");
        let end = call.says(1_000, words);
        call.says(end + 950, "пятницу утром.");
        call.run_until(14_000);
        assert_eq!(told(&call), [format!("{words} пятницу утром.")]);
    }
}

#[test]
fn a_yes_is_answered_sooner_after_a_question_than_by_itself() {
    let waited = |greeting: &str| {
        let mut call = Sim::greeting(greeting);
        call.answers("Записываю.");
        call.run_until(6_000);
        let end = call.says(6_000, "Да, конечно.");
        call.run_until(16_000);
        call.heard_from_to("Записываю.").0 - end
    };
    let (asked, not) = (waited("Записать вас на вторник?"), waited("Я записываю вас на вторник."));
    assert!(asked < not, "{asked} after a question, {not} without one");
}

#[test]
fn half_a_telephone_number_in_words_is_not_the_end() {
    let mut call = Sim::greeting("Назовите, пожалуйста, ваш номер телефона.");
    call.answers("Спасибо.");
    let end = call.says(6_000, "восемь девятьсот шестнадцать");
    let end = call.says(end + 1_300, "сто двадцать три");
    call.says(end + 1_300, "сорок пять шестьдесят семь");
    call.run_until(20_000);
    assert_eq!(
        told(&call),
        ["восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь"]
    );
}
