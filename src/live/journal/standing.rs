//! How a call stands that another session goes on with: what was said, and what people had ordered.

use turn::{Action, Command, LEFT_RUNNING, Message, Note, ToolCall};

use super::{Entry, said};

/// How a call stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standing {
    /// What was said, for the model.
    pub before: Vec<Message>,
    /// The instructions that a supervisor gave instead of the business's.
    pub overrides: Option<String>,
    /// The agent is paused.
    pub paused: bool,
    /// A person has taken the call over.
    pub person: bool,
    /// The keys that the model had asked for, and the caller had not pressed: its arguments.
    pub collecting: Option<serde_json::Value>,
    /// So many notes are in the journal.
    pub notes: u64,
    running: Vec<ToolCall>,
}

impl Standing {
    /// Reads a journal. A line that a crash tore is no line.
    pub fn of(journal: &[u8]) -> Self {
        let mut standing = Standing::default();
        for line in journal.split(|byte| *byte == b'\n') {
            if let Ok(Entry::Action { action, .. }) = serde_json::from_slice(line) {
                standing.take(action);
            }
        }
        for call in std::mem::take(&mut standing.running) {
            // It may have had effects: the model must not call it as if for the first time.
            let content = LEFT_RUNNING.to_owned();
            let used = Note::ToolUsed { call, content, effects: true };
            standing.before.extend(said(used));
        }
        standing
    }

    fn take(&mut self, action: Action) {
        if matches!(action, Action::Note(_)) {
            self.notes += 1;
        }
        match action {
            Action::RunTool { call, .. } => self.running.push(call),
            Action::Note(Note::Ordered { command, .. }) => self.ordered(command),
            Action::Note(note) => {
                match &note {
                    Note::ToolUsed { call, .. } => {
                        self.running.retain(|running| running.id != call.id);
                        if call.name == turn::COLLECT_KEYS {
                            self.collecting = Some(call.arguments.clone());
                        }
                    }
                    Note::Pressed { .. } => self.collecting = None,
                    _ => {}
                }
                self.before.extend(said(note));
            }
            _ => {}
        }
    }

    fn ordered(&mut self, command: Command) {
        match command {
            Command::Guide { text } => self.before.push(Message::Guidance { text }),
            Command::Override { instructions } => self.overrides = Some(instructions),
            Command::Restore => self.overrides = None,
            Command::Pause => self.paused = true,
            Command::Resume => self.paused = false,
            Command::TakeOver => (self.paused, self.person) = (true, true),
            Command::HandBack => (self.paused, self.person) = (false, false),
            Command::Say { .. } | Command::Transfer { .. } | Command::End { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use turn::{Epoch, Moment, ReplyId};

    use super::*;

    fn journal(actions: Vec<Action>) -> Vec<u8> {
        let mut bytes = b"{\"a header\": true}\n".to_vec();
        for action in actions {
            serde_json::to_writer(&mut bytes, &Entry::Action { at: Moment(1), action }).unwrap();
            bytes.push(b'\n');
        }
        bytes.extend(b"{\"torn");
        bytes
    }

    fn ordered(command: Command) -> Action {
        Action::Note(Note::Ordered { id: "1".to_owned(), command })
    }

    #[test]
    fn what_people_ordered_outlives_the_session() {
        let instructions = "Be brief.".to_owned();
        let standing = Standing::of(&journal(vec![
            ordered(Command::Override { instructions: instructions.clone() }),
            ordered(Command::TakeOver),
            ordered(Command::Guide { text: "Offer tea.".to_owned() }),
        ]));
        assert_eq!(standing.overrides, Some(instructions));
        assert!(standing.paused && standing.person);
        assert_eq!(standing.before, [Message::Guidance { text: "Offer tea.".to_owned() }]);
        let back = journal(vec![ordered(Command::TakeOver), ordered(Command::HandBack)]);
        assert_eq!(Standing::of(&back), Standing { notes: 2, ..Standing::default() });
    }

    #[test]
    fn keys_that_are_awaited_are_as_secret_in_the_next_session() {
        let arguments = serde_json::json!({"length": 4, "secret": true});
        let name = turn::COLLECT_KEYS.to_owned();
        let call = ToolCall { id: "k".to_owned(), name, arguments: arguments.clone() };
        let content = "The caller is asked for it.".to_owned();
        let asked = Action::Note(Note::ToolUsed { call, content, effects: false });
        assert_eq!(Standing::of(&journal(vec![asked.clone()])).collecting, Some(arguments));
        let pressed = Action::Note(Note::Pressed { keys: "****".to_owned() });
        assert_eq!(Standing::of(&journal(vec![asked, pressed])).collecting, None);
    }

    #[test]
    fn a_tool_that_was_running_is_not_forgotten() {
        let call =
            ToolCall { id: "b".to_owned(), name: "book".to_owned(), arguments: Default::default() };
        let run = Action::RunTool { epoch: Epoch(0), reply: ReplyId(0), call: call.clone() };
        let left = Standing::of(&journal(vec![run.clone()]));
        let content = LEFT_RUNNING.to_owned();
        assert_eq!(left.before[1], Message::Tool { call_id: "b".to_owned(), content });
        let content = "Booked.".to_owned();
        let used = Action::Note(Note::ToolUsed { call, content, effects: true });
        assert_eq!(Standing::of(&journal(vec![run, used])).before.len(), 2);
    }
}
