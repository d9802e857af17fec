//! Words and phrases that carry feeling, and the rules by which they add up.
//!
//! The rules are VADER's (Hutto and Gilbert 2014: strengthened by degree words, turned by negation, what
//! follows "but" counts more), with three changes for the telephone: phrases come before words and are
//! taken whole ("no problem", "on hold for"), courtesies and the words of any call ("cancel", "charge")
//! are weak, and recognised speech has no capitals or smileys to read.

use std::{collections::HashMap, sync::LazyLock};

use crate::{Language, pattern::Pattern, words::Word};

/// What a single hit adds for a degree word next to it.
const DEGREE: f32 = 0.35;
/// What is left of a valence under negation.
const NEGATED: f32 = -0.74;
/// The same of something bad: "not bad" is less than good.
const NEGATED_BAD: f32 = -0.45;
/// Valences that add up to the root of this are a score of 0.71.
const SPREAD: f32 = 9.0;
/// Each exclamation mark adds this, for at most three.
const EXCLAIMED: f32 = 0.25;
/// From so many words on, single words weigh less: long turns hold some of either kind by chance.
const LONG: f32 = 14.0;

/// What the lists made of a turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// -1 to 1.
    pub score: f32,
    /// 0 to 1.
    pub confidence: f32,
    /// The sum of what is good, 0 or more.
    pub good: f32,
    /// The sum of what is bad, 0 or less.
    pub bad: f32,
    /// It may be meant the other way.
    pub sarcasm: bool,
}

struct Phrase {
    pattern: Pattern,
    valence: f32,
    sarcasm: bool,
    /// One word, which may be negated and strengthened.
    single: bool,
}

struct Lists {
    words: HashMap<&'static str, f32>,
    phrases: Vec<Phrase>,
    negations: &'static [&'static str],
    strong: &'static [&'static str],
    weak: &'static [&'static str],
    turns: &'static [&'static str],
}

static ENGLISH: LazyLock<Lists> = LazyLock::new(|| Lists {
    words: word_list(include_str!("english-words.tsv")),
    phrases: phrase_list(include_str!("english-phrases.tsv")),
    negations: &[
        "not", "no", "never", "nothing", "nobody", "none", "nor", "neither", "without", "cannot",
        "cant", "dont", "doesnt", "didnt", "isnt", "wasnt", "wont", "wouldnt", "couldnt",
        "shouldnt", "hardly", "barely", "aint", "nowhere", "havent", "hasnt", "arent", "werent",
    ],
    strong: &[
        "very",
        "really",
        "so",
        "extremely",
        "absolutely",
        "completely",
        "totally",
        "incredibly",
        "super",
        "such",
        "too",
        "truly",
        "utterly",
        "fucking",
        "freaking",
        "damn",
        "bloody",
        "highly",
        "especially",
        "most",
        "deeply",
        "terribly",
        "awfully",
        "beyond",
        "thoroughly",
        "seriously",
        "most",
    ],
    weak: &[
        "slightly",
        "somewhat",
        "kinda",
        "sorta",
        "bit",
        "little",
        "fairly",
        "almost",
        "partly",
        "less",
        "occasionally",
        "rather",
    ],
    turns: &["but", "however", "although", "though", "except"],
});

static RUSSIAN: LazyLock<Lists> = LazyLock::new(|| Lists {
    words: HashMap::new(),
    phrases: phrase_list(include_str!("russian-phrases.tsv")),
    negations: &["не", "ни", "нет", "без", "никогда", "никак", "нисколько", "нельзя", "вряд"],
    strong: &[
        "очень",
        "так",
        "такой",
        "такая",
        "такое",
        "такие",
        "крайне",
        "совершенно",
        "абсолютно",
        "просто",
        "полностью",
        "совсем",
        "слишком",
        "ужасно",
        "страшно",
        "безумно",
        "невероятно",
        "чрезвычайно",
        "самый",
        "самая",
        "самое",
        "самые",
        "полный",
        "полная",
        "полное",
        "вообще",
    ],
    weak: &["немного", "чуть", "слегка", "немножко", "несколько", "довольно", "почти", "капельку"],
    turns: &["но", "однако", "зато", "хотя"],
});

fn word_list(list: &'static str) -> HashMap<&'static str, f32> {
    let rows = list.lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| {
        let (valence, word) = line.split_once('\t')?;
        Some((word, valence.parse().ok()?))
    })
    .collect()
}

fn phrase_list(list: &'static str) -> Vec<Phrase> {
    let rows = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|line| {
        let mut parts = line.split('\t');
        let valence = parts.next().and_then(|number| number.parse().ok());
        let pattern = parts.next().unwrap_or_default();
        Phrase {
            // The lists are part of the program: a test reads all of their lines.
            valence: valence.expect("a valence in a list of phrases"),
            single: !pattern.contains(' '),
            pattern: Pattern::new(pattern),
            sarcasm: parts.next() == Some("sarcasm"),
        }
    })
    .collect()
}

/// A word or a phrase with feeling.
struct Hit {
    at: usize,
    end: usize,
    valence: f32,
    single: bool,
}

/// What the lists make of a turn; `None` in a language that has none.
pub(super) fn read(text: &str, words: &[Word], language: Language) -> Option<Reading> {
    let lists = match language {
        Language::English => &*ENGLISH,
        Language::Russian => &*RUSSIAN,
        Language::Other => return None,
    };
    let mut hits = Vec::new();
    let mut sarcasm = false;
    let mut at = 0;
    while at < words.len() {
        let hit = lists.hit(words, at, &mut sarcasm);
        at = hit.as_ref().map_or(at + 1, |hit| hit.end);
        hits.extend(hit);
    }
    for hit in &mut hits {
        if hit.single {
            hit.valence = lists.in_context(words, hit);
        } else if hit.valence != 0.0 && at_most(1, lists.before(words, hit.at), lists.strong) {
            hit.valence += DEGREE.copysign(hit.valence);
        }
    }
    lists.weigh_turn(words, &mut hits);
    let (mut good, mut bad) = (0.0_f32, 0.0_f32);
    for hit in &hits {
        if hit.valence > 0.0 { good += hit.valence } else { bad += hit.valence }
    }
    let exclaimed = text.matches('!').count().min(3) as f32 * EXCLAIMED;
    let mut sum = good + bad;
    if sum != 0.0 {
        sum += exclaimed.copysign(sum);
    }
    if words.len() as f32 > LONG {
        sum *= (LONG / words.len() as f32).sqrt();
    }
    let score = sum / (sum * sum + SPREAD).sqrt();
    Some(Reading {
        score,
        confidence: confidence(score, good, bad, words.len()),
        good,
        bad,
        sarcasm,
    })
}

/// How far a score is to be believed: by how strong what was found is, and whether it all points one
/// way. A short turn without feeling is neutral for certain; a long one may hold words not listed.
fn confidence(score: f32, good: f32, bad: f32, words: usize) -> f32 {
    let all = good - bad;
    if all < 0.5 {
        return if words <= 4 { 0.7 } else { 0.5 };
    }
    let agreed = (good + bad).abs() / all;
    (0.35 + 0.6 * score.abs()) * (0.4 + 0.6 * agreed)
}

fn at_most(far: usize, before: &[Word], of: &[&str]) -> bool {
    before.iter().rev().take(far).any(|word| of.contains(&word.text.as_str()))
}

impl Lists {
    fn hit(&self, words: &[Word], at: usize, sarcasm: &mut bool) -> Option<Hit> {
        // The longest phrase; of two as long, the later of the list.
        let phrases = self.phrases.iter();
        let met =
            phrases.filter_map(|phrase| phrase.pattern.at(words, at).map(|at| (at.end, phrase)));
        if let Some((end, phrase)) = met.max_by_key(|(end, _)| *end) {
            *sarcasm |= phrase.sarcasm;
            return Some(Hit { at, end, valence: phrase.valence, single: phrase.single });
        }
        let word = words[at].text.as_str();
        let known = self.words.get(word);
        let known = known.or_else(|| self.words.get(word.strip_suffix("'s")?));
        known.map(|valence| Hit { at, end: at + 1, valence: *valence, single: true })
    }

    /// Words before `at` in the same clause.
    fn before<'a>(&self, words: &'a [Word], at: usize) -> &'a [Word] {
        let start = words[..=at].iter().rposition(|word| word.after_break).unwrap_or(0);
        &words[start.min(at)..at]
    }

    /// A word's valence with what stands before it.
    fn in_context(&self, words: &[Word], hit: &Hit) -> f32 {
        if hit.valence == 0.0 {
            return 0.0;
        }
        let before = self.before(words, hit.at);
        let mut valence = hit.valence;
        if at_most(2, before, self.strong) {
            valence += DEGREE.copysign(valence);
        }
        if at_most(2, before, self.weak) {
            valence -= DEGREE.copysign(valence);
        }
        let negated =
            before.iter().rev().take(3).any(|word| {
                self.negations.contains(&word.text.as_str()) || word.text.ends_with("n't")
            });
        match (negated, valence > 0.0) {
            (true, true) => valence * NEGATED,
            (true, false) => valence * NEGATED_BAD,
            (false, _) => valence,
        }
    }

    /// What follows "but" counts more than what stands before it.
    fn weigh_turn(&self, words: &[Word], hits: &mut [Hit]) {
        let turn = words.iter().rposition(|word| self.turns.contains(&word.text.as_str()));
        let Some(turn) = turn.filter(|turn| *turn > 0) else { return };
        for hit in hits {
            hit.valence *= if hit.at < turn { 0.5 } else { 1.3 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_lists_is_read() {
        for lists in [&*ENGLISH, &*RUSSIAN] {
            assert!(lists.phrases.len() > 100);
            assert!(lists.phrases.iter().all(|phrase| phrase.valence.abs() <= 4.0));
            assert!(lists.phrases.iter().all(|phrase| !phrase.pattern.is_empty()));
        }
        let lines = include_str!("english-words.tsv").lines().count() - 1;
        assert_eq!(ENGLISH.words.len(), lines);
    }
}
