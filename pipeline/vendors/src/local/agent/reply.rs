//! What the agent says next: one decision over where the conversation stands, what was said last and
//! what it is like in the playbook.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, json};

use super::{
    guidance,
    index::{Likeness, Subject},
    mind::{Active, Mind, NOT_CAUGHT, Ranked, WHAT_TO_CHANGE, WHICH_OF_TWO},
    playbook::SlotKind,
    slots::Value,
    small_talk::{self, Small},
    state::{self, Focus, State, Step},
    words,
};
use crate::{LlmRequest, Message, ToolCall};

/// Turns on end in which nothing usable came, after which a person is offered.
const PATIENCE: u32 = 2;
/// Two strong likenesses nearer than this are the same.
const SAME: f32 = 0.001;
/// Earlier turns looked at for what a follow-up follows.
const FOLLOWED: usize = 3;

/// What is said, and the functions called after it.
#[derive(Debug, Default)]
pub(super) struct Reply {
    body: Vec<String>,
    /// It stands at the end, so that it is the last thing heard.
    question: Option<String>,
    pub calls: Vec<ToolCall>,
}

impl Reply {
    fn say(text: impl Into<String>) -> Reply {
        Reply { body: vec![text.into()], ..Reply::default() }
    }

    fn asking(mut self, question: Option<String>) -> Reply {
        self.question = question;
        self
    }

    fn calling(mut self, call: ToolCall) -> Reply {
        self.calls.push(call);
        self
    }

    pub fn text(&self) -> String {
        let parts = self.body.iter().chain(&self.question);
        let parts: Vec<&str> = parts.map(|part| part.trim()).filter(|p| !p.is_empty()).collect();
        parts.join(" ")
    }
}

/// What of the history is to be answered.
pub(super) enum Task<'a> {
    /// Nobody has said anything.
    Open,
    /// The caller's last words; the history before them.
    Answer { text: String, before: &'a [Message] },
    /// As above, and the agent has begun to answer with these words.
    Continue { text: String, before: &'a [Message], begun: &'a str },
    /// A function has answered.
    Outcome,
    /// The agent spoke last, and there is guidance since.
    Guided,
}

/// A history, and what of it is to be answered.
pub(super) struct Story<'a> {
    request: &'a LlmRequest,
    pub task: Task<'a>,
    /// What a follow-up may follow: the caller's question before, joined with this one.
    follow_up: Option<String>,
}

impl<'a> Story<'a> {
    pub fn read(request: &'a LlmRequest) -> Self {
        let history = request.history.as_slice();
        let last = history.iter().rposition(|m| match m {
            Message::Caller { .. } | Message::Tool { .. } => true,
            Message::Agent { text, .. } => !text.trim().is_empty(),
            Message::Guidance { .. } => false,
        });
        let caller = history.iter().rposition(|m| matches!(m, Message::Caller { .. }));
        let said = |place: usize| match &history[place] {
            Message::Caller { text } => state::in_words(text, &history[..place]),
            _ => String::new(),
        };
        let guided = last.is_some_and(|last| {
            history[last + 1..].iter().any(|message| {
                matches!(message, Message::Guidance { text } if guidance::sentence(text).is_some())
            })
        });
        let task = match (last.map(|last| &history[last]), caller) {
            (Some(Message::Caller { .. }), Some(place)) => {
                Task::Answer { text: said(place), before: &history[..place] }
            }
            (Some(Message::Tool { .. }), _) => Task::Outcome,
            (Some(Message::Agent { .. }), _) if guided => Task::Guided,
            (Some(Message::Agent { text, .. }), Some(place)) => {
                Task::Continue { text: said(place), before: &history[..place], begun: text }
            }
            _ => Task::Open,
        };
        let follow_up = match &task {
            Task::Answer { text, before } | Task::Continue { text, before, .. }
                if follows_up(text) && !words::topics(text).is_empty() =>
            {
                followed(before).map(|earlier| format!("{earlier} {text}"))
            }
            _ => None,
        };
        Story { request, task, follow_up }
    }

    /// The texts whose vectors [`decide`] can use: what was said, its clauses, its follow-up.
    pub fn texts(&self) -> Vec<String> {
        let (Task::Answer { text, .. } | Task::Continue { text, .. }) = &self.task else {
            return Vec::new();
        };
        if words::topics(text).is_empty() && self.follow_up.is_none() {
            return Vec::new();
        }
        let mut texts = vec![text.clone()];
        let clauses = words::clauses(text);
        if clauses.len() > 1 {
            texts.extend(clauses);
        }
        texts.truncate(MOST_TEXTS);
        texts.extend(self.follow_up.clone());
        texts
    }

    fn offers(&self, tool: &str) -> bool {
        self.request.tools.iter().any(|offered| offered.name == tool)
    }

    /// An identifier that is the same whenever the same history is answered.
    fn call(&self, name: &str, arguments: serde_json::Value) -> ToolCall {
        let mut hasher = DefaultHasher::new();
        for message in &self.request.history {
            match message {
                Message::Caller { text } => (0, text).hash(&mut hasher),
                Message::Agent { text, tool_calls } => {
                    (1, text, tool_calls.len()).hash(&mut hasher)
                }
                Message::Tool { call_id, content } => (2, call_id, content).hash(&mut hasher),
                Message::Guidance { text } => (3, text).hash(&mut hasher),
            }
        }
        (name, arguments.to_string()).hash(&mut hasher);
        let id = format!("local-{:016x}", hasher.finish());
        ToolCall { id, name: name.to_owned(), arguments }
    }

    fn last_agent_words(&self) -> Option<&str> {
        self.request.history.iter().rev().find_map(|message| match message {
            Message::Agent { text, .. } if !text.trim().is_empty() => Some(text.as_str()),
            _ => None,
        })
    }
}

/// Clauses compared one by one; more are only compared as a whole.
const MOST_TEXTS: usize = 6;

/// Does it lean on what was said before? "And on Saturday?", "What about children?"
fn follows_up(text: &str) -> bool {
    let tokens = words::tokens(text);
    let lead =
        tokens.iter().position(|t| !["okay", "oh", "so", "yes", "um", "uh"].contains(&t.as_str()));
    let tokens = &tokens[lead.unwrap_or(0)..];
    let starts = |phrase: &str| words::find(tokens, phrase) == Some(0);
    [
        "and",
        "but",
        "what about",
        "how about",
        "what if",
        "is that",
        "is it",
        "does it",
        "does that",
        "even",
        "also",
        "or",
    ]
    .iter()
    .any(|lead| starts(lead))
        || tokens.len() <= 3
}

/// The caller's latest words that were about something.
fn followed(before: &[Message]) -> Option<&str> {
    let said = before.iter().rev().filter_map(|message| match message {
        Message::Caller { text } => Some(text.as_str()),
        _ => None,
    });
    said.take(FOLLOWED).find(|text| !words::topics(text).is_empty())
}

/// Ranks what is to be answered. `vectors` are those of [`Story::texts`], if they could be had.
fn rank(mind: &Mind, story: &Story, text: &str, vectors: Option<&[Vec<f32>]>) -> Ranked {
    let mut texts = story.texts();
    let follow_up = story.follow_up.is_some().then(|| texts.pop()).flatten();
    let vector = |place: usize| vectors.and_then(|all| all.get(place)).map(Vec::as_slice);
    let mut ranked = Ranked {
        whole: mind.index.rank(text, vector(0)),
        clauses: (1..texts.len()).map(|at| mind.index.rank(&texts[at], vector(at))).collect(),
        by_meaning: vectors.is_some_and(|vectors| !vectors.is_empty()),
    };
    let strong = mind.index.thresholds(ranked.by_meaning).strong;
    if let Some(follow_up) = follow_up
        && ranked.best().is_none_or(|best| best.score < strong)
    {
        let joined = mind.index.rank(&follow_up, vector(texts.len()));
        for likeness in &mut ranked.whole {
            let with_earlier = joined.iter().find(|other| other.subject == likeness.subject);
            let with_earlier = with_earlier.map_or(0.0, |other| other.score);
            likeness.score = likeness.score.max(0.4 * likeness.score + 0.6 * with_earlier);
        }
        ranked.whole.sort_by(|a, b| b.score.total_cmp(&a.score));
    }
    ranked
}

/// Decides what is said. Always something.
pub(super) fn decide(mind: &Mind, story: &Story, vectors: Option<&[Vec<f32>]>) -> Reply {
    let mut reply = match &story.task {
        Task::Open => Reply::say(&mind.small_talk.greeting),
        Task::Guided => Reply::default(),
        Task::Outcome => outcome(mind, story),
        Task::Answer { text, before } => {
            let state = State::after(mind, before);
            answer(mind, story, state, text, &rank(mind, story, text, vectors))
        }
        Task::Continue { text, before, begun } => {
            let state = State::after(mind, before);
            let mut reply = answer(mind, story, state, text, &rank(mind, story, text, vectors));
            let whole = reply.text();
            if let Some(rest) = whole.strip_prefix(begun.trim()) {
                reply.body = vec![rest.trim().to_owned()];
                reply.question = None;
            }
            reply
        }
    };
    // A supervisor's word since the agent last spoke.
    let spoke = story.request.history.iter().rposition(
        |message| matches!(message, Message::Agent { text, .. } if !text.trim().is_empty()),
    );
    let since = spoke.map_or(0, |spoke| spoke + 1);
    for message in &story.request.history[since..] {
        if let Message::Guidance { text } = message
            && let Some(sentence) = guidance::sentence(text)
        {
            reply.body.push(sentence);
        }
    }
    if reply.text().is_empty() {
        reply.question = Some(mind.small_talk.anything_else.clone());
    }
    reply
}

/// Tells what a function answered.
fn outcome(mind: &Mind, story: &Story) -> Reply {
    let state = State::after(mind, &story.request.history);
    let talk = &mind.small_talk;
    match told_outcome(mind, &state) {
        Some((words, true)) => Reply::say(words).asking(Some(talk.anything_else.clone())),
        Some((words, false)) => Reply::say(words).asking(Some(offer(mind, story))),
        None if state.transfer_failed => {
            Reply::say(&talk.no_person).asking(Some(talk.offer_message.clone()))
        }
        None => Reply::default().asking(Some(talk.anything_else.clone())),
    }
}

/// What a task's function answered, in words, and whether it is done.
fn told_outcome(mind: &Mind, state: &State) -> Option<(String, bool)> {
    let (task, content) = state.untold.as_ref()?;
    let done = !state::is_failure(content);
    let active = state.left.clone().filter(|left| left.task == *task).unwrap_or_else(|| Active {
        task: *task,
        values: vec![None; mind.tasks[*task].slots.len()],
    });
    let template = if done { &mind.tasks[*task].done } else { &mind.tasks[*task].failed };
    Some((mind.fill(template, &active), done))
}

/// A person if one can be reached, else a message.
fn offer(mind: &Mind, story: &Story) -> String {
    if story.offers("transfer") {
        mind.small_talk.offer_person.clone()
    } else {
        mind.small_talk.offer_message.clone()
    }
}

fn answer(mind: &Mind, story: &Story, before: State, text: &str, ranked: &Ranked) -> Reply {
    let untold = told_outcome(mind, &before);
    let focus = before.focus;
    let misses = before.misses;
    let mut state = before;
    let step = state.hear_caller(mind, text, ranked);
    let talk = &mind.small_talk;
    let question = state.question(mind);
    let mut reply = match step {
        Step::Aside(small) => chat(mind, story, small, question),
        Step::GivenUp => Reply::say(&talk.given_up).asking(Some(talk.anything_else.clone())),
        Step::Confirmed => match state.left.clone() {
            Some(confirmed) => finish(mind, story, &confirmed),
            None => Reply::default(),
        },
        Step::Declined => Reply::say("I'm sorry.").asking(Some(WHAT_TO_CHANGE.to_owned())),
        Step::Begun => {
            let task = state.active.as_ref().map_or(0, |active| active.task);
            let mut reply = Reply::say(&mind.tasks[task].begin);
            // A question that was put along with the wish is answered first.
            let strong = mind.index.thresholds(ranked.by_meaning).strong;
            let asked =
                ranked.clauses.iter().filter_map(|clause| clause.first()).find_map(|top| match top
                    .subject
                {
                    Subject::Answer(place) if top.score >= strong => Some(place),
                    _ => None,
                });
            if let Some(place) = asked {
                reply.body.insert(0, mind.answers[place].say.clone());
            }
            reply.asking(question)
        }
        Step::Filled => Reply::say(thanks_for(mind, &state, focus)).asking(question),
        Step::Missed => missed(mind, story, text, ranked, misses, question),
        Step::Nothing => match by_focus(mind, story, focus, text, ranked) {
            Some(reply) => reply,
            None => general(mind, story, text, ranked).or_asking(question),
        },
    };
    if let Some((words, _)) = untold {
        reply.body.insert(0, words);
    }
    reply
}

impl Reply {
    /// Asks this unless it asks something already or ends the call.
    fn or_asking(mut self, question: Option<String>) -> Reply {
        if self.question.is_none() && self.calls.is_empty() {
            self.question = question;
        }
        self
    }
}

/// A word of thanks for what was told, in the middle of a task.
fn thanks_for(mind: &Mind, state: &State, focus: Focus) -> String {
    match (focus, &state.active) {
        (Focus::Confirm | Focus::Change, _) => "All right.".to_owned(),
        (Focus::Slot(slot), Some(active)) if state.focus != Focus::Confirm => {
            let kind = mind.tasks[active.task].slots[slot].kind;
            match &active.values[slot] {
                Some(Value::Text(name)) if kind == SlotKind::Name => format!("Thank you, {name}."),
                _ => "Thank you.".to_owned(),
            }
        }
        _ => "Thank you.".to_owned(),
    }
}

/// The caller agreed: the task is done, or handed to its function.
fn finish(mind: &Mind, story: &Story, confirmed: &Active) -> Reply {
    let task = &mind.tasks[confirmed.task];
    if !story.offers(&task.name) {
        return Reply::say(mind.fill(&task.done, confirmed))
            .asking(Some(mind.small_talk.anything_else.clone()));
    }
    let mut arguments = Map::new();
    for (slot, value) in task.slots.iter().zip(&confirmed.values) {
        if let Some(value) = value {
            arguments.insert(slot.name.clone(), value.argument());
        }
    }
    Reply::say("One moment, please.").calling(story.call(&task.name, arguments.into()))
}

/// What was asked for did not come: perhaps a question did.
fn missed(
    mind: &Mind,
    story: &Story,
    text: &str,
    ranked: &Ranked,
    misses: u32,
    question: Option<String>,
) -> Reply {
    let talk = &mind.small_talk;
    if let Some(reply) = from_playbook(mind, ranked, false) {
        return Reply { question: None, ..reply }.asking(question);
    }
    if let Some(small) = small_talk::heard(text) {
        return chat(mind, story, small, question);
    }
    if words::is_question(text) {
        return Reply::say(&talk.unsure).asking(question);
    }
    if misses + 1 > PATIENCE && story.offers("transfer") {
        return Reply::say(NOT_CAUGHT).asking(Some(talk.offer_person.clone()));
    }
    Reply::say(NOT_CAUGHT).asking(question)
}

/// What a yes, a no or a choice means after the agent's question.
fn by_focus(
    mind: &Mind,
    story: &Story,
    focus: Focus,
    text: &str,
    ranked: &Ranked,
) -> Option<Reply> {
    let talk = &mind.small_talk;
    // "Yes, and is there parking?" is more than a yes.
    let likely = mind.index.thresholds(ranked.by_meaning).likely;
    let asks = words::is_question(text) && ranked.best().is_some_and(|best| best.score >= likely);
    let agreed = small_talk::agreed(text).filter(|_| !asks);
    match (focus, agreed) {
        (Focus::OfferPerson, Some(true)) => Some(put_through(mind, story)),
        (Focus::OfferPerson | Focus::OfferMessage, Some(false)) => {
            let bye = small_talk::heard(text) == Some(Small::Goodbye);
            (!bye).then(|| Reply::say("All right.").asking(Some(talk.anything_else.clone())))
        }
        (Focus::AnythingElse, Some(false)) => {
            let only_no = words::topics(text).is_empty();
            only_no.then(|| goodbye(mind, story))
        }
        (Focus::AnythingElse, Some(true)) if words::topics(text).is_empty() => {
            match small_talk::heard(text) {
                Some(Small::Goodbye) => None,
                _ => Some(Reply::say("Of course. What would you like to know?")),
            }
        }
        (Focus::Choice(first, second), _) => {
            let place = small_talk::chosen(text);
            let by_likeness = || {
                let said = words::topics(text);
                let near = |answer: usize| {
                    let topic = words::topics(mind.topic(answer).unwrap_or_default());
                    said.intersection(&topic).count()
                };
                match near(first).cmp(&near(second)) {
                    std::cmp::Ordering::Greater => Some(0),
                    std::cmp::Ordering::Less => Some(1),
                    std::cmp::Ordering::Equal => None,
                }
            };
            let answer = [first, second][place.or_else(by_likeness)?];
            Some(Reply::say(&mind.answers[answer].say))
        }
        _ => None,
    }
}

/// Anything outside a task.
fn general(mind: &Mind, story: &Story, text: &str, ranked: &Ranked) -> Reply {
    let talk = &mind.small_talk;
    let small = small_talk::heard(text);
    if small == Some(Small::Goodbye) && !words::is_question(text) {
        return goodbye(mind, story);
    }
    if let Some(reply) = from_playbook(mind, ranked, true) {
        return reply;
    }
    if let Some(small) = small {
        return chat(mind, story, small, None);
    }
    let likely = mind.index.thresholds(ranked.by_meaning).likely;
    if let Some(Likeness { subject: Subject::Small(small), score }) = ranked.best()
        && score >= likely
    {
        return chat(mind, story, small, None);
    }
    if words::topics(text).is_empty() && !words::is_question(text) {
        return match small_talk::agreed(text) {
            Some(_) => Reply::default().asking(Some(talk.anything_else.clone())),
            None => Reply::say(NOT_CAUGHT).asking(Some("Could you say that again?".to_owned())),
        };
    }
    if story.offers("transfer") {
        return Reply::say(&talk.unsure).asking(Some(talk.offer_person.clone()));
    }
    Reply { body: vec![talk.unsure.clone(), abilities(mind)], ..Reply::default() }
}

/// The answers that fit, or the question which one was meant.
fn from_playbook(mind: &Mind, ranked: &Ranked, may_ask: bool) -> Option<Reply> {
    let limits = mind.index.thresholds(ranked.by_meaning);
    let mut several: Vec<usize> = Vec::new();
    for top in ranked.clauses.iter().filter_map(|clause| clause.first()) {
        if let Subject::Answer(place) = top.subject
            && top.score >= limits.strong
            && !several.contains(&place)
        {
            several.push(place);
        }
    }
    if several.len() > 1 {
        let body = several.iter().take(2).map(|place| mind.answers[*place].say.clone());
        return Some(Reply { body: body.collect(), ..Reply::default() });
    }
    let best = ranked.best().filter(|best| best.score >= limits.likely)?;
    let Subject::Answer(place) = best.subject else { return None };
    let rival = ranked.whole.iter().find(|other| other.subject != best.subject);
    if may_ask
        && ranked.clauses.is_empty()
        && let Some(Likeness { subject: Subject::Answer(other), score }) = rival
        && best.score - score < if best.score < limits.strong { limits.tie } else { SAME }
        && let (Some(one), Some(two)) = (mind.topic(place), mind.topic(*other))
    {
        let question = format!("{WHICH_OF_TWO} {one}, or {two}?");
        return Some(Reply::default().asking(Some(question)));
    }
    Some(Reply::say(&mind.answers[place].say))
}

fn chat(mind: &Mind, story: &Story, small: Small, question: Option<String>) -> Reply {
    let talk = &mind.small_talk;
    match small {
        Small::Greeting if question.is_some() => Reply::say("Hello.").asking(question),
        Small::Greeting => Reply::say(&talk.greeting),
        Small::HowAreYou => Reply::say(&talk.how_are_you),
        Small::Thanks => {
            Reply::say(&talk.thanks).asking(question.or(Some(talk.anything_else.clone())))
        }
        Small::Goodbye => goodbye(mind, story),
        Small::Robot => Reply::say(&talk.robot).asking(question),
        Small::CanHear => Reply::say(&talk.can_hear).asking(question),
        Small::Wait => Reply::say(&talk.take_your_time),
        Small::Repeat => match story.last_agent_words() {
            Some(words) => Reply::say(mind.answer_begun_by(words).unwrap_or(words)),
            None => Reply::say(&talk.greeting),
        },
        Small::Person => put_through(mind, story),
        Small::Help => Reply::say(abilities(mind)),
        Small::Understood => Reply::default().asking(question.or(Some(talk.anything_else.clone()))),
    }
}

fn goodbye(mind: &Mind, story: &Story) -> Reply {
    let reply = Reply::say(&mind.small_talk.goodbye);
    if story.offers("end_call") {
        let call = story.call("end_call", json!({}));
        return reply.calling(call);
    }
    reply
}

fn put_through(mind: &Mind, story: &Story) -> Reply {
    let talk = &mind.small_talk;
    if !story.offers("transfer") {
        return Reply::say(&talk.no_person).asking(Some(talk.offer_message.clone()));
    }
    let call = story.call("transfer", json!({ "reason": "the caller asked for a person" }));
    Reply::say(&talk.put_through).calling(call)
}

/// What the agent can be asked, in a sentence.
fn abilities(mind: &Mind) -> String {
    let topics: Vec<&str> =
        mind.answers.iter().filter_map(|answer| answer.topic.as_deref()).take(3).collect();
    match topics[..] {
        [] => "I can answer questions, or take a message.".to_owned(),
        [one] => format!("I can tell you about {one}, or take a message."),
        [one, two] => format!("I can tell you about {one} or {two}, or take a message."),
        [one, two, three, ..] => {
            format!("I can tell you about {one}, {two} or {three}, and I can take a message.")
        }
    }
}
