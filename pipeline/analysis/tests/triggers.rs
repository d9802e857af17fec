//! Triggers, told whole calls.

use analysis::{
    Language,
    sentiment::{Label, Sentiment, of_turn},
    triggers::{Fact, Fired, Knowledge, Problem, Trigger, Watch, validate},
};
use proptest::prelude::*;

fn trigger(kind: &str, threshold: Option<f64>, keywords: &[&str]) -> Trigger {
    let keywords = keywords.iter().map(ToString::to_string).collect();
    Trigger { kind: kind.into(), threshold, keywords }
}

struct Told {
    watch: Watch,
    language: Language,
    next: u32,
}

impl Told {
    fn new(language: Language, triggers: &[Trigger]) -> Self {
        Told { watch: Watch::new(triggers, language), language, next: 0 }
    }

    fn caller(&mut self, text: &str) -> Vec<Fired> {
        self.unsure_caller(text, None)
    }

    fn unsure_caller(&mut self, text: &str, confidence: Option<f32>) -> Vec<Fired> {
        self.next += 1;
        let sentiment = of_turn(text, self.language, None);
        let at_ms = u64::from(self.next) * 1000;
        self.watch.tell(Fact::Caller { at_ms, interaction: self.next, text, confidence, sentiment })
    }

    fn agent(&mut self, text: &str, knowledge: Knowledge) -> Vec<Fired> {
        self.next += 1;
        let at_ms = u64::from(self.next) * 1000;
        self.watch.tell(Fact::Agent { at_ms, interaction: self.next, text, knowledge })
    }
}

#[test]
fn a_keyword_fires_once_and_says_where() {
    let triggers = [trigger("keywords", None, &["lawyer", "legal action", "refund*"])];
    let mut call = Told::new(Language::English, &triggers);
    assert_eq!(call.caller("I was at the law school"), []);
    assert_eq!(call.agent("Our lawyer wrote the refund terms.", Knowledge::Found), []);
    let fired = call.caller("Hello. I will take legal action, you know! Bye.");
    assert_eq!(fired.len(), 1);
    assert_eq!(fired[0].trigger_type, "keywords");
    assert_eq!(fired[0].details["keyword"], "legal action");
    assert_eq!(fired[0].details["quote"], "I will take legal action, you know");
    assert_eq!(fired[0].details["interaction"], 3);
    assert_eq!(call.caller("my lawyer will call, I want refunds"), [], "once in a call");
}

#[test]
fn keywords_are_counted_over_the_call() {
    let mut call = Told::new(Language::Russian, &[trigger("keyword", Some(3.0), &["верните"])]);
    assert_eq!(call.caller("верните деньги, верните"), []);
    assert_eq!(call.caller("Верните!")[0].details["value"], 3);
}

#[test]
fn a_call_that_turns_sour_fires_on_the_smoothed_score() {
    let mut call = Told::new(Language::English, &[trigger("negative_sentiment", Some(-0.4), &[])]);
    assert_eq!(call.caller("hi I'd like to ask about my order"), []);
    assert_eq!(call.caller("thank you so much that's great"), []);
    assert_eq!(call.caller("hm that is not good"), [], "one such turn does not turn the call");
    let fired = call.caller("this is ridiculous nobody ever helps me, I am furious");
    assert_eq!(fired.len(), 1);
    assert!(fired[0].details["value"].as_f64().unwrap() <= -0.4);
}

#[test]
fn failures_add_up_whoever_noticed_them() {
    let mut call = Told::new(Language::English, &[trigger("repeated_failure", Some(4.0), &[])]);
    assert_eq!(call.caller("do you repair cracked phone screens on site"), []);
    assert_eq!(call.agent("I'm sorry, I did not catch that.", Knowledge::NotAsked), []);
    assert_eq!(call.caller("do you repair cracked screens on site"), [], "2: said again");
    assert_eq!(call.agent("I'm not sure about that.", Knowledge::Missed), [], "3, once");
    let fired = call.watch.tell(Fact::Trouble { at_ms: 9_000, what: "tool: book_repair" });
    assert_eq!((fired.len(), &fired[0].details["value"]), (1, &4.into()));
    assert_eq!(fired[0].details["what"], "tool: book_repair");
}

#[test]
fn a_person_is_asked_for_in_either_language_and_in_the_business_words() {
    let triggers = [trigger("Asked-For-Person", None, &["duty nurse"])];
    for text in ["let me talk to a human", "позовите живого человека", "I need the duty nurse"]
    {
        let mut call = Told::new(Language::English, &triggers);
        assert_eq!(call.caller(text).len(), 1, "{text}");
    }
    let mut call = Told::new(Language::English, &triggers);
    assert_eq!(call.caller("I don't need to speak to a person"), []);
    assert_eq!(call.agent("Would you like to speak to a person?", Knowledge::NotAsked), []);
}

#[test]
fn silence_is_counted_in_prompts_or_seconds() {
    let idle = |at_ms, silent_ms| Fact::Idle { at_ms, silent_ms };
    let triggers = [trigger("silence", Some(2.0), &[]), trigger("silence", Some(15.0), &[])];
    let mut call = Told::new(Language::English, &triggers);
    assert_eq!(call.watch.tell(idle(8_000, 8_000)), []);
    assert_eq!(call.caller("I'm here"), []);
    assert_eq!(call.watch.tell(idle(20_000, 8_000)), [], "the caller spoke between");
    let fired = call.watch.tell(idle(28_000, 16_000));
    let which: Vec<usize> = fired.iter().map(|fired| fired.trigger).collect();
    assert_eq!(which, [0, 1]);
    assert_eq!(fired[1].details["value"], 16.0);
}

#[test]
fn doubt_must_last() {
    let mut call = Told::new(Language::English, &[trigger("low_confidence", Some(0.6), &[])]);
    let turns = [(0.5, false), (0.4, false), (0.9, false), (0.5, false), (0.3, false), (0.2, true)];
    for (confidence, fires) in turns {
        let fired = call.unsure_caller("four seven nine", Some(confidence));
        assert_eq!(!fired.is_empty(), fires, "{confidence}");
    }
}

#[test]
fn what_the_knowledge_lacks_fires() {
    let mut call = Told::new(Language::English, &[trigger("no_answer", Some(2.0), &[])]);
    assert_eq!(call.agent("I can't say.", Knowledge::Missed), []);
    assert_eq!(call.agent("We open at nine.", Knowledge::Found), []);
    assert_eq!(call.agent("I can't say that either.", Knowledge::Missed).len(), 1);
}

#[test]
fn what_is_wrong_is_named_and_never_fires() {
    let triggers = [
        trigger("vip_customer", None, &[]),
        trigger("sentiment", Some(-3.0), &[]),
        trigger("keywords", None, &["  ", "!!"]),
        trigger("silence", Some(f64::NAN), &[]),
        trigger("keywords", None, &["fine", ""]),
    ];
    let problems = validate(&triggers);
    assert_eq!(problems[0], (0, Problem::UnknownType("vip_customer".into())));
    assert_eq!(problems[1], (1, Problem::Threshold { threshold: -3.0, from: -1.0, to: 1.0 }));
    assert!(problems.contains(&(2, Problem::NoKeywords)));
    assert!(matches!(
        problems.iter().find(|(at, _)| *at == 3),
        Some((3, Problem::Threshold { .. }))
    ));
    assert!(problems.contains(&(4, Problem::Keyword(String::new()))));
    let mut call = Told::new(Language::English, &triggers);
    let fired = call.caller("I hate this, this is terrible, fine");
    assert_eq!(fired.iter().map(|fired| fired.trigger).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_trigger_is_read_as_the_contract_has_it() {
    let read: Trigger = serde_json::from_str(r#"{"type":"sentiment","threshold":-0.6}"#).unwrap();
    assert_eq!(read, trigger("sentiment", Some(-0.6), &[]));
    assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"type":"sentiment","threshold":-0.6}"#);
}

proptest! {
    /// Whatever is said, a trigger fires once at most, with a quote that was said.
    #[test]
    fn triggers_fire_once(turns in proptest::collection::vec(("[a-zа-я .,?!]{0,60}|operator|I hate this|refund now", 0u8..4), 0..40)) {
        let triggers = [
            trigger("keywords", None, &["refund", "a"]), trigger("sentiment", Some(-0.2), &[]),
            trigger("repeated_failure", Some(1.0), &[]), trigger("asked_for_person", None, &[]),
            trigger("silence", Some(1.0), &[]), trigger("no_answer", None, &[]), trigger("other", None, &[]),
        ];
        let mut call = Told::new(Language::English, &triggers);
        let mut times = [0; 7];
        for (text, kind) in &turns {
            let fired = match kind {
                0 | 1 => call.caller(text),
                2 => call.agent(text, Knowledge::Missed),
                _ => call.watch.tell(Fact::Idle { at_ms: 1, silent_ms: 7_000 }),
            };
            for fired in fired {
                times[fired.trigger] += 1;
                if let Some(quote) = fired.details.get("quote") {
                    prop_assert!(text.contains(quote.as_str().unwrap()));
                }
            }
        }
        prop_assert!(times.iter().all(|times| *times <= 1));
        prop_assert_eq!(times[6], 0);
    }
}

#[test]
fn a_later_word_on_a_turn_is_as_if_it_had_come_in_time() {
    let felt = |score: f32| Sentiment { score, label: Label::of(score), confidence: 0.9 };
    let low = [trigger("sentiment", Some(-0.4), &[])];
    let mut call = Told::new(Language::English, &low);
    let texts = ["oh brilliant", "well done again", "thanks a lot", "goodbye then"];
    for text in texts {
        assert_eq!(call.caller(text), [], "{text}");
    }
    let mut told = Watch::new(&low, Language::English);
    for (at, text) in texts.into_iter().enumerate() {
        let interaction = u32::try_from(at).unwrap() + 1;
        let sentiment = felt(-0.8);
        told.tell(Fact::Caller { at_ms: 0, interaction, text, confidence: None, sentiment });
    }
    // In another order than they were said.
    let mut fired = Vec::new();
    for interaction in [3, 1, 4, 2] {
        let text = texts[interaction as usize - 1];
        fired.extend(call.watch.revise((9, interaction), text, felt(-0.8)));
    }
    assert_eq!(call.watch.mood().now(), told.mood().now());
    assert_eq!(fired.len(), 1, "once in a call: {fired:?}");
    assert_eq!(fired[0].trigger_type, "sentiment");
    assert_eq!(call.watch.revise((9, 77), "nobody said this", felt(1.0)), []);
    assert_eq!(call.watch.mood().now(), told.mood().now());
}
