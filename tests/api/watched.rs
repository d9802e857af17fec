//! What a configuration's triggers wait for in a call that runs, and what it keeps to itself.

use serde_json::{Value, json};
use tandem::{
    app::scribe::Fact,
    domain::{BusinessId, Escalation, Role},
    realtime::Kind,
};
use turn::{Moment, Note, Purpose, TurnId, UtteranceId};

use crate::{
    configs::{a_config, id_of},
    running::Running,
    stage::Stage,
    told,
};

async fn business(stage: &Stage, data: Value) -> BusinessId {
    let admin = stage.client(Role::Admin).await;
    id_of(&a_config(&admin, "Garage", data).await).parse().expect("an id")
}

async fn waiting_for(stage: &Stage, trigger: Value) -> BusinessId {
    business(stage, json!({"escalation": {"enabled": true, "triggers": [trigger]}})).await
}

impl Running<'_> {
    /// The agent asks whether the caller is there.
    fn prompts(&mut self, (from, to): (u64, u64)) {
        let (turn, utterance, purpose) = (TurnId(1), UtteranceId(7), Purpose::IdlePrompt);
        let text = "Are you still there?".to_owned();
        let (meant, cut, from, to) = (text.clone(), false, Moment(from), Moment(to));
        self.note(to, Note::AgentSaid { turn, utterance, purpose, text, meant, cut, from, to });
    }

    fn consults(&self, found: &[&str]) {
        let texts = found.iter().map(|text| (*text).to_owned()).collect();
        let (call_sid, at) = (self.call_sid.clone(), self.began);
        self.stage.app.report(Fact::Consulted { call_sid, at, texts });
    }

    async fn escalated(&mut self) -> Escalation {
        self.until("an escalation", |event| match &event.kind {
            Kind::EscalationTriggered(escalation) => Some(Escalation::clone(escalation)),
            _ => None,
        })
        .await
    }
}

told! {
    async fn a_silence_goes_on_while_the_agent_asks_whether_anybody_is_there(stage: &Stage) {
        let silence = waiting_for(stage, json!({"type": "silence", "threshold": 15})).await;
        let mut call = Running::begin_at(stage, Some(silence));
        call.agent_said("How can I help?", (0, 1_000));
        call.prompts((9_000, 10_500));
        call.prompts((18_500, 20_000));
        let escalation = call.escalated().await;
        assert_eq!(escalation.trigger_type, "silence");
        assert_eq!(escalation.trigger_details["silent_ms"], 17_500);
    }

    async fn what_the_knowledge_does_not_say_is_noticed_where_something_was_asked(stage: &Stage) {
        let gap = waiting_for(stage, json!({"type": "knowledge_gap"})).await;
        let mut call = Running::begin_at(stage, Some(gap));
        call.caller_said("Hello there.", (0, 900));
        call.consults(&[]);
        call.agent_said("Hello.", (1_500, 2_000));
        call.caller_said("What does a new exhaust cost?", (3_000, 4_000));
        call.consults(&["A new exhaust costs 75 euros."]);
        call.agent_said("75 euros.", (4_500, 5_000));
        call.caller_said("And do you repair caravans as well?", (6_000, 7_000));
        call.consults(&[]);
        call.agent_said("We do everything.", (7_500, 8_000));
        let escalation = call.escalated().await;
        assert_eq!(escalation.trigger_type, "knowledge_gap");
        assert_eq!(escalation.trigger_details["quote"], "We do everything");
    }

    async fn where_moods_are_not_wanted_none_is_kept_or_told(stage: &Stage) {
        let off = json!({"quality_assurance": {"sentiment_analysis": false, "greeting": "Welcome"}});
        let off = business(stage, off).await;
        let mut call = Running::begin_at(stage, Some(off));
        call.caller_said("This is terrible, I am furious.", (0, 900));
        call.agent_said("I am sorry.", (1_500, 2_000));
        call.end();
        let ended = call
            .until("the end", |event| match &event.kind {
                Kind::SentimentChanged(_) => Some(None),
                Kind::InteractionAdded(line) => line.sentiment.map(|_| None),
                Kind::CallEnded(call) => Some(Some(call.clone())),
                _ => None,
            })
            .await;
        let Some(ended) = ended else { panic!("a mood is told") };
        assert_eq!(ended.mood, None);
        call.scored().await;
        let client = stage.client(Role::Admin).await;
        let kept = client.get(&format!("/api/v1/calls/{}", call.id)).await.ok(200)["call"].clone();
        assert_eq!(kept["sentiment"], Value::Null, "{kept}");
    }
}
