//! How like a passage is to a question by their words alone; pure, and without knowledge of a
//! language but for the words that say nothing in English and Russian.

use std::collections::{BTreeSet, HashMap};

/// Terms of a question that are looked for.
const MOST_TERMS: usize = 24;
/// Letters of a term; longer ones are no words.
const LONGEST_TERM: usize = 40;
/// Two words that begin alike with so many letters...
const SHARED: usize = 4;
/// ...and differ in so many at the end are forms of one word.
const ENDING: usize = 3;

/// Words that questions have whatever they ask for.
const EMPTY: &str = " a about am an and any are at be been but by can could did do does doing for from \
    get give good got had has have hello help hey hi how i if in is it its just know like may me my \
    need of oh ok okay on one or our out please really said say should so some sorry tell thank thanks \
    that the their them then there they this to too um uh up us very want was we well what when where \
    which who why will with would yes yeah you your \
    а бы был была были быть в вам вас ваш ваша ваши вы где да для до ещё же за здравствуйте и из или им \
    их к как какая какие какой когда кто ли мне можно мой мы на нам нас не нет но ну о об он она они оно \
    от по подскажите пожалуйста при с сколько скажите со спасибо так там то только тут ты у уже что чтобы \
    это этот эта эти я ";

/// The words of a text in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// The words of a question that say what it is about, in their order, each once.
pub fn terms(question: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    words(question)
        .filter(|word| !EMPTY.contains(&format!(" {word} ")))
        .filter(|word| word.chars().count() <= LONGEST_TERM)
        .filter(|word| word.chars().count() > 1 || word.chars().all(char::is_numeric))
        .filter(|word| seen.insert(word.clone()))
        .take(MOST_TERMS)
        .collect()
}

/// The terms and what else they may stand as, for a search that knows whole words alone.
pub fn spellings(terms: &[String]) -> Vec<String> {
    let mut spellings = Vec::with_capacity(terms.len() * 2);
    for term in terms {
        spellings.push(term.clone());
        let is_latin = term.len() >= 4 && term.bytes().all(|byte| byte.is_ascii_lowercase());
        if is_latin {
            match term.strip_suffix('s') {
                Some(one) => spellings.push(one.to_owned()),
                None => spellings.push(format!("{term}s")),
            }
        }
    }
    spellings
}

/// The words of a passage, to be compared with questions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Words(BTreeSet<String>);

impl Words {
    /// Those of a passage and its heading.
    pub fn of(heading: &str, text: &str) -> Self {
        Words(words(heading).chain(words(text)).collect())
    }

    fn have(&self, term: &str) -> bool {
        if self.0.contains(term) {
            return true;
        }
        let letters = term.chars().count();
        if letters < SHARED {
            return false;
        }
        let stem: String = term.chars().take(SHARED.max(letters.saturating_sub(ENDING))).collect();
        self.0
            .range(stem.clone()..)
            .take_while(|word| word.starts_with(&stem))
            .any(|word| word.chars().count().abs_diff(letters) <= ENDING)
    }
}

/// How telling each word is among passages: rare ones more.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    holders: HashMap<String, u32>,
    passages: u32,
}

impl Weights {
    /// Of these passages.
    pub fn of<'a>(passages: impl Iterator<Item = &'a Words>) -> Self {
        let mut weights = Weights::default();
        for passage in passages {
            weights.passages += 1;
            for word in &passage.0 {
                *weights.holders.entry(word.clone()).or_default() += 1;
            }
        }
        weights
    }

    fn weight(&self, term: &str) -> f32 {
        let holders = self.holders.get(term).copied().unwrap_or(0) as f32;
        (1.0 + (self.passages as f32 + 1.0) / (holders + 0.5)).ln()
    }

    /// The share of what is asked for, by weight, that stands in the passage: 0 to 1.
    pub fn likeness(&self, terms: &[String], passage: &Words) -> f32 {
        let asked: f32 = terms.iter().map(|term| self.weight(term)).sum();
        let found = terms.iter().filter(|term| passage.have(term));
        let found: f32 = found.map(|term| self.weight(term)).sum();
        if asked > 0.0 { found / asked } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_what_it_asks_for() {
        let asked = terms("Hello, could you tell me how much a crown costs, please?");
        assert_eq!(asked, ["much", "crown", "costs"]);
        assert_eq!(terms("Сколько стоит коронка?"), ["стоит", "коронка"]);
        assert_eq!(terms("\" OR 1=1; DROP \u{1F600}"), ["1", "drop"]);
        assert_eq!(spellings(&asked), ["much", "muchs", "crown", "crowns", "costs", "cost"]);
    }

    #[test]
    fn the_passage_with_the_telling_words_is_most_like_it() {
        let crowns = Words::of("Prices", "A crown costs 620 euros. A filling costs 90 euros.");
        let hours = Words::of("Hours", "We are open from nine to six. Coming late costs nothing.");
        let weights = Weights::of([&crowns, &hours].into_iter());
        let asked = terms("what do crowns cost");
        let (near, far) = (weights.likeness(&asked, &crowns), weights.likeness(&asked, &hours));
        assert!(near > 0.99 && far < 0.6 && near > far, "{near} {far}");
        assert_eq!(weights.likeness(&terms("parking"), &hours), 0.0);
        assert_eq!(weights.likeness(&[], &hours), 0.0);
        let russian = Words::of("Цены", "Коронки стоят 620 евро");
        let weights = Weights::of([&russian].into_iter());
        assert!(weights.likeness(&terms("цена коронки"), &russian) > 0.9);
    }
}
