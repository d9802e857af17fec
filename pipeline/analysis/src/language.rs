//! Which language somebody speaks.

/// A language, as far as it is told apart here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// Any English.
    English,
    /// Russian.
    Russian,
    /// Every other: nothing is claimed of it.
    Other,
}

impl Language {
    /// Of a BCP 47 tag such as `en-US` or `ru`.
    pub fn of_tag(tag: &str) -> Self {
        match tag.split(['-', '_']).next() {
            Some(first) if first.eq_ignore_ascii_case("en") => Language::English,
            Some(first) if first.eq_ignore_ascii_case("ru") => Language::Russian,
            _ => Language::Other,
        }
    }

    /// Of one turn in a call whose language is this: callers change between English and Russian, and
    /// the letters tell. A call in another language stays what it is.
    pub fn of_turn(self, text: &str) -> Self {
        if self == Language::Other {
            return self;
        }
        let (mut latin, mut cyrillic) = (0, 0);
        for char in text.chars() {
            match char {
                'a'..='z' | 'A'..='Z' => latin += 1,
                'а'..='я' | 'А'..='Я' | 'ё' | 'Ё' => cyrillic += 1,
                _ => {}
            }
        }
        match latin.cmp(&cyrillic) {
            std::cmp::Ordering::Greater => Language::English,
            std::cmp::Ordering::Less => Language::Russian,
            std::cmp::Ordering::Equal => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_letters_tell_the_language() {
        assert_eq!(Language::of_tag("en-GB"), Language::English);
        assert_eq!(Language::of_tag("RU"), Language::Russian);
        assert_eq!(Language::of_tag("uz-Latn"), Language::Other);
        assert_eq!(Language::English.of_turn("да, спасибо"), Language::Russian);
        assert_eq!(Language::Russian.of_turn("42"), Language::Russian);
        assert_eq!(Language::Other.of_turn("rahmat"), Language::Other);
    }
}
