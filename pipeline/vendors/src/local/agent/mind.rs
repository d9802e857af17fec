//! What the agent knows, ready for use: the playbook with its index, and the sentences that it says
//! and must recognise again as its own.

use std::sync::Arc;

use super::{
    Embedder, Playbook,
    index::{Index, Likeness, Subject},
    playbook::{Answer, SmallTalk, TAKE_MESSAGE, Task},
    slots::Value,
    words,
};

/// Asked when a day is known and no time of day.
pub(super) const WHICH_HOUR: &str = "And at what time?";
/// Asked when a time of day is known and no day.
pub(super) const WHICH_DAY: &str = "And on which day?";
/// Asked when what was read back is wrong.
pub(super) const WHAT_TO_CHANGE: &str = "What should I change?";
/// Said when an answer could not be used; counted in the history.
pub(super) const NOT_CAUGHT: &str = "I'm sorry, I did not catch that.";
/// Begins the question which of two things was meant.
pub(super) const WHICH_OF_TWO: &str = "Do you mean";

pub(super) struct Mind {
    pub answers: Vec<Answer>,
    /// The playbook's, and the one that takes a message.
    pub tasks: Vec<Task>,
    pub small_talk: SmallTalk,
    pub index: Index,
}

/// A task that is under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Active {
    pub task: usize,
    pub values: Vec<Option<Value>>,
}

/// What an utterance may be about, best first: as a whole, and by its clauses.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranked {
    pub whole: Vec<Likeness>,
    pub clauses: Vec<Vec<Likeness>>,
    pub by_meaning: bool,
}

impl Ranked {
    /// The best of the whole and of every clause.
    pub fn best(&self) -> Option<Likeness> {
        let tops = self.clauses.iter().chain([&self.whole]).filter_map(|ranked| ranked.first());
        tops.copied().max_by(|a, b| a.score.total_cmp(&b.score))
    }
}

impl Mind {
    pub fn new(playbook: Playbook, embedder: Option<Arc<dyn Embedder>>) -> Self {
        let Playbook { answers, mut tasks, small_talk } = playbook;
        if !tasks.iter().any(|task| task.name == TAKE_MESSAGE) {
            tasks.push(Task::message());
        }
        let index = Index::new(&answers, &tasks, embedder);
        Mind { answers, tasks, small_talk, index }
    }

    /// Ranks by words alone.
    pub fn rank_by_words(&self, text: &str) -> Ranked {
        let clauses = words::clauses(text);
        let several = clauses.len() > 1;
        Ranked {
            whole: self.index.rank(text, None),
            clauses: clauses
                .iter()
                .filter(|_| several)
                .map(|clause| self.index.rank(clause, None))
                .collect(),
            by_meaning: false,
        }
    }

    /// Is a question of the playbook put so clearly that it is no answer to the agent's own?
    pub fn is_clear_question(&self, text: &str, ranked: &Ranked) -> bool {
        let strong = self.index.thresholds(ranked.by_meaning).strong;
        words::is_question(text)
            && ranked.best().is_some_and(|best| {
                matches!(best.subject, Subject::Answer(_)) && best.score >= strong
            })
    }

    /// The task that is asked for, if that is what is said.
    pub fn wished_task(&self, ranked: &Ranked) -> Option<usize> {
        let likely = self.index.thresholds(ranked.by_meaning).likely;
        let best = ranked.best().filter(|best| best.score >= likely)?;
        match best.subject {
            Subject::Task(task) => Some(task),
            Subject::Answer(_) | Subject::Small(_) => None,
        }
    }

    pub fn message_task(&self) -> usize {
        self.tasks.iter().position(|task| task.name == TAKE_MESSAGE).unwrap_or(0)
    }

    /// The task's text with what is known in its places.
    pub fn fill(&self, template: &str, active: &Active) -> String {
        let slots = &self.tasks[active.task].slots;
        let mut text = template.to_owned();
        for (slot, value) in slots.iter().zip(&active.values) {
            if text.contains('{') {
                let place = format!("{{{}}}", slot.name);
                let said = value.as_ref().map_or_else(|| "…".to_owned(), Value::spoken);
                text = text.replace(&place, &said);
            }
        }
        text
    }

    /// What is read back for confirmation.
    pub fn confirmation(&self, active: &Active) -> String {
        self.fill(&self.tasks[active.task].confirm, active)
    }

    /// What an answer is about, as "Do you mean" continues.
    pub fn topic(&self, answer: usize) -> Option<&str> {
        self.answers.get(answer)?.topic.as_deref()
    }

    /// The whole answer of which `heard` is the beginning, if it is one.
    pub fn answer_begun_by(&self, heard: &str) -> Option<&str> {
        let heard = heard.trim();
        if heard.is_empty() {
            return None;
        }
        let begun = self.answers.iter().find(|answer| answer.say.trim().starts_with(heard));
        begun.map(|answer| answer.say.as_str())
    }
}
