//! The utterances of one connection: begun, committed, transcribed, in the order in which they were
//! spoken. Transcripts may overtake each other; here they do not.

use tokio::time::Instant;

/// More than these are a vendor that completes nothing; the connection counts as dead.
const MOST: usize = 32;

/// A guess is not longer, bytes.
const LONGEST_DRAFT: usize = 8 * 1024;

/// One utterance.
#[derive(Debug)]
pub(super) struct Item {
    id: String,
    pub(super) from_ms: u64,
    pub(super) to_ms: u64,
    draft: String,
    /// When its words began to be owed.
    committed_at: Option<Instant>,
    words: Option<String>,
}

/// All that are not told yet.
#[derive(Debug, Default)]
pub(super) struct Items(Vec<Item>);

impl Items {
    /// The item of this name, made where there is none; `at_ms` is where it then begins.
    pub(super) fn get(&mut self, id: &str, at_ms: u64) -> &mut Item {
        let known = self.0.iter().position(|item| item.id == id);
        let place = known.unwrap_or_else(|| {
            let (id, draft) = (id.to_owned(), String::new());
            let (from_ms, to_ms) = (at_ms, at_ms);
            self.0.push(Item { id, from_ms, to_ms, draft, committed_at: None, words: None });
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.0.len() > MOST
    }

    /// Does one go on that is not committed?
    pub(super) fn is_open(&self) -> bool {
        self.0.iter().any(|item| item.committed_at.is_none() && item.words.is_none())
    }

    /// The oldest commit whose words are owed.
    pub(super) fn owed_since(&self) -> Option<Instant> {
        let owed = self.0.iter().filter(|item| item.words.is_none());
        owed.filter_map(|item| item.committed_at).min()
    }

    /// The next that is complete, with its words.
    pub(super) fn next_complete(&mut self) -> Option<(Item, String)> {
        let words = self.0.first_mut()?.words.take()?;
        Some((self.0.remove(0), words))
    }

    /// What has been guessed of all, and from where.
    pub(super) fn guess(&self) -> Option<(u64, String)> {
        let said = self.0.iter().map(|item| item.words.as_deref().unwrap_or(&item.draft).trim());
        let said: Vec<&str> = said.filter(|draft| !draft.is_empty()).collect();
        let from_ms = self.0.first()?.from_ms;
        (!said.is_empty()).then(|| (from_ms, said.join(" ")))
    }
}

impl Item {
    pub(super) fn hear(&mut self, delta: &str) {
        if self.draft.len() + delta.len() <= LONGEST_DRAFT {
            self.draft.push_str(delta);
        }
    }

    pub(super) fn commit(&mut self, now: Instant) {
        self.committed_at.get_or_insert(now);
    }

    pub(super) fn complete(&mut self, words: &str) {
        self.words = Some(words.trim().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_wait_for_those_before_them() {
        let now = Instant::now();
        let mut items = Items::default();
        items.get("a", 0).commit(now);
        items.get("b", 1_000).commit(now);
        items.get("a", 0).hear("one");
        items.get("b", 1_000).complete(" two ");
        assert!(items.next_complete().is_none());
        assert_eq!(items.guess(), Some((0, "one two".into())));
        items.get("a", 0).complete("one.");
        let told: Vec<String> =
            std::iter::from_fn(|| items.next_complete()).map(|(_, words)| words).collect();
        assert_eq!(told, ["one.", "two"]);
        assert!(items.is_empty());
    }

    #[test]
    fn words_are_owed_from_the_commit_on() {
        let now = Instant::now();
        let mut items = Items::default();
        items.get("a", 0).hear("he");
        assert!(items.is_open() && items.owed_since().is_none());
        items.get("a", 0).commit(now);
        assert!(!items.is_open());
        assert_eq!(items.owed_since(), Some(now));
        items.get("a", 0).complete("hello");
        assert!(items.owed_since().is_none());
    }

    #[test]
    fn a_guess_does_not_grow_for_ever() {
        let mut items = Items::default();
        for _ in 0..100 {
            items.get("a", 0).hear(&"x".repeat(1_000));
        }
        assert_eq!(items.guess().unwrap().1.len(), 8_000);
    }
}
