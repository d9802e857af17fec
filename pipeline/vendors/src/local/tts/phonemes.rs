//! Words to phonemes, and sentences to clauses that can be spoken one after another.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use misaki_rs::{G2P, Language, fallback::FallbackError};
use ort::{session::Session, value::TensorRef};
use serde::Deserialize;

use crate::local::{LocalError, models::Models, runtime::Runtime};

use super::stretch::Stretch;

/// The silence on either side of what is spoken, to the model.
const PAUSE: i64 = 0;

/// A clause this long (in phonemes) is cut at the next good place.
const LONG_CLAUSE: usize = 90;

/// The first clause may be shorter: it is what the caller waits for.
const LONG_FIRST_CLAUSE: usize = 45;

/// No clause has more phonemes than this, wherever it has to be cut.
const LONGEST_CLAUSE: usize = 380;

/// What one run of the model speaks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clause {
    /// The model's numbers of the phonemes, with a pause at both ends.
    pub(crate) ids: Vec<i64>,
    /// The words, each with the range of `ids` that speaks it.
    pub(crate) words: Vec<SpokenWord>,
}

/// A stretch of the text and the phonemes that speak it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpokenWord {
    /// Where the stretch ends in the text, in bytes.
    pub(crate) text_end: usize,
    /// Its phonemes, as a range of the clause's `ids`.
    pub(crate) sounds: std::ops::Range<usize>,
}

/// The pronouncing lexicon and its rules. One for all threads: it is large.
pub(crate) struct Phonemes {
    g2p: G2P,
    ids: HashMap<char, i64>,
}

impl Phonemes {
    pub(crate) fn load(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let ids: HashMap<String, i64> = read_json(models, "vocab.json")?;
        let ids = ids.into_iter().filter_map(|(key, id)| Some((key.chars().next()?, id))).collect();
        let unknown = Spelling::load(runtime, models)?;
        Ok(Phonemes { g2p: G2P::with_fallback(Language::EnglishUS, Some(Box::new(unknown))), ids })
    }

    /// The clauses that speak `parts`, in order.
    pub(crate) fn clauses(&self, parts: &[Stretch]) -> Result<Vec<Clause>, String> {
        let text = parts.iter().map(|part| part.words.as_str()).collect::<Vec<_>>().join(" ");
        let (_, tokens) = self.g2p.g2p(&text).map_err(|error| error.to_string())?;

        // Tokens come in the text's order and together make it up, so a cursor tells whose they are.
        let ends: Vec<usize> = parts
            .iter()
            .scan(0, |end, part| {
                *end += part.words.len();
                let this = *end;
                *end += 1;
                Some(this)
            })
            .collect();
        let (mut cursor, mut part) = (0, 0);
        let mut clauses = Clauses::default();
        for token in &tokens {
            if let Some(found) = text[cursor..].find(token.text.as_str()) {
                cursor += found;
            }
            while part + 1 < parts.len() && cursor >= ends[part] {
                part += 1;
            }
            cursor = (cursor + token.text.len()).min(text.len());
            while !text.is_char_boundary(cursor) {
                cursor += 1;
            }
            let sounds = token.phonemes.as_deref().unwrap_or_default();
            let ids = sounds.chars().filter_map(|sound| self.ids.get(&sound).copied());
            let space = self.ids.get(&' ').copied().filter(|_| !token.whitespace.is_empty());
            clauses.add(parts[part].text_end, ids.collect(), sounds, space);
        }
        Ok(clauses.finish())
    }
}

/// Clauses in the making.
#[derive(Default)]
struct Clauses {
    done: Vec<Clause>,
    ids: Vec<i64>,
    words: Vec<SpokenWord>,
}

impl Clauses {
    fn add(&mut self, text_end: usize, sounds: Vec<i64>, said: &str, space: Option<i64>) {
        if self.ids.is_empty() {
            self.ids.push(PAUSE);
        }
        if self.ids.len() + sounds.len() > LONGEST_CLAUSE {
            self.cut();
            self.ids.push(PAUSE);
        }
        let from = self.ids.len();
        self.ids.extend(sounds.into_iter().take(LONGEST_CLAUSE));
        let sounds = from..self.ids.len();
        let is_pause = !said.is_empty() && said.chars().all(|c| ";:,.!?—…\"“”()".contains(c));
        match self.words.last_mut() {
            // Punctuation is silence after the word, not a part of it.
            Some(last) if last.text_end == text_end => {
                if !is_pause {
                    last.sounds.end = sounds.end;
                }
            }
            _ if is_pause => {}
            _ => self.words.push(SpokenWord { text_end, sounds }),
        }
        self.ids.extend(space);

        let long = if self.done.is_empty() { LONG_FIRST_CLAUSE } else { LONG_CLAUSE };
        let ends_sentence = said.ends_with(['.', '!', '?', '…']);
        let may_end = ends_sentence || said.ends_with([';', ':', ',', '—']);
        if (may_end && self.ids.len() >= long) || (ends_sentence && self.ids.len() >= long / 2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let (mut ids, words) = (std::mem::take(&mut self.ids), std::mem::take(&mut self.words));
        if words.is_empty() {
            return;
        }
        ids.push(PAUSE);
        self.done.push(Clause { ids, words });
    }

    fn finish(mut self) -> Vec<Clause> {
        self.cut();
        self.done
    }
}

/// A small network that pronounces words which the lexicon does not have.
struct Spelling {
    session: Mutex<Session>,
    letters: HashMap<char, i64>,
    sounds: Vec<char>,
    longest: usize,
}

#[derive(Deserialize)]
struct SpellingTable {
    r#in: Vec<char>,
    out: Vec<char>,
    maxlen: usize,
}

impl Spelling {
    fn load(runtime: &Runtime, models: &Models) -> Result<Self, LocalError> {
        let table: SpellingTable = read_json(models, "oov.json")?;
        Ok(Spelling {
            session: Mutex::new(runtime.session(&models.named("oov.onnx"))?),
            letters: (1..).zip(table.r#in).map(|(id, letter)| (letter, id)).collect(),
            sounds: table.out,
            longest: table.maxlen,
        })
    }

    fn pronounce(&self, word: &str) -> ort::Result<String> {
        let letters: Vec<i64> = word
            .chars()
            .filter_map(|letter| self.letters.get(&letter).copied())
            .take(self.longest)
            .collect();
        if letters.is_empty() {
            return Ok(String::new());
        }
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let outputs = session.run(ort::inputs! {
            "chars" => TensorRef::from_array_view(([1, letters.len()], letters.as_slice()))?,
        })?;
        let (_, path) = outputs[0].try_extract_tensor::<i64>()?;
        // Repeats are one sound; 0 stands between two of the same.
        let mut before = 0;
        let mut said = String::new();
        for &id in path {
            if id != before && id > 0 {
                said.extend(self.sounds.get(id as usize - 1));
            }
            before = id;
        }
        Ok(said)
    }
}

impl misaki_rs::Fallback for Spelling {
    fn phonemize(&self, word: &str) -> Result<String, FallbackError> {
        // Empty for a word of another alphabet: the rest of the sentence is still worth saying.
        self.pronounce(word).map_err(|_| FallbackError::NoPhonemes { word: word.to_owned() })
    }
}

fn read_json<T: serde::de::DeserializeOwned>(models: &Models, name: &str) -> Result<T, LocalError> {
    let path = models.named(name);
    let bytes = std::fs::read(&path).map_err(|error| error.to_string());
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()))
        .map_err(|problem| LocalError::Model { path, problem })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clauses(words: &[(usize, usize, &str)]) -> Vec<Clause> {
        let mut clauses = Clauses::default();
        for (text_end, length, said) in words {
            clauses.add(*text_end, vec![5; *length], said, Some(16));
        }
        clauses.finish()
    }

    #[test]
    fn a_short_sentence_is_one_clause_and_punctuation_belongs_to_no_word() {
        let done = clauses(&[(3, 5, "yes"), (3, 1, ","), (9, 4, "sir"), (9, 1, ".")]);
        assert_eq!(done.len(), 1);
        assert_eq!(done[0].words.len(), 2);
        assert_eq!(done[0].words[0], SpokenWord { text_end: 3, sounds: 1..6 });
        assert_eq!((done[0].ids.first(), done[0].ids.last()), (Some(&0), Some(&0)));
    }

    #[test]
    fn the_first_clause_ends_sooner_than_the_others() {
        let words: Vec<(usize, usize, &str)> = (0..20).map(|n| (n, 20, "word,")).collect();
        let lengths: Vec<usize> = clauses(&words).iter().map(|clause| clause.words.len()).collect();
        assert_eq!(lengths, [3, 5, 5, 5, 2]);
    }

    #[test]
    fn a_clause_without_punctuation_is_cut_between_words() {
        let words: Vec<(usize, usize, &str)> = (0..100).map(|n| (n, 20, "word")).collect();
        let done = clauses(&words);
        assert!(done.iter().all(|clause| clause.ids.len() <= LONGEST_CLAUSE + 2));
        assert_eq!(done.iter().map(|clause| clause.words.len()).sum::<usize>(), 100);
    }

    #[test]
    fn punctuation_alone_is_no_clause() {
        assert!(clauses(&[(1, 1, "."), (2, 1, "!")]).is_empty());
    }
}
