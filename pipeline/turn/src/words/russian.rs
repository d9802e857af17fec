//! The same of Russian words. Recognisers write ё or е as they like; here it is е.

pub(super) fn plain(word: &str) -> String {
    word.replace('ё', "е")
}

pub(super) fn dangles(word: &str) -> bool {
    matches!(
        plain(word).as_str(),
        "и" | "а"
            | "но"
            | "или"
            | "либо"
            | "что"
            | "чтобы"
            | "если"
            | "когда"
            | "хотя"
            | "поскольку"
            | "как"
            | "который"
            | "которая"
            | "которое"
            | "которые"
            | "на"
            | "в"
            | "во"
            | "с"
            | "со"
            | "к"
            | "ко"
            | "по"
            | "для"
            | "от"
            | "до"
            | "из"
            | "у"
            | "о"
            | "об"
            | "за"
            | "под"
            | "над"
            | "при"
            | "про"
            | "без"
            | "через"
            | "между"
            | "перед"
            | "из-за"
            | "около"
            | "насчет"
            | "вместо"
            | "кроме"
            | "мой"
            | "моя"
            | "мое"
            | "мои"
            | "моего"
            | "моей"
            | "мою"
            | "это"
            | "ну"
            | "э"
            | "ээ"
            | "э-э"
            | "эм"
            | "эмм"
            | "м-м"
    )
}

pub(super) fn is_yes_or_no(joined: &str) -> bool {
    matches!(
        plain(joined).as_str(),
        "да" | "да-да"
            | "да да"
            | "ага"
            | "да конечно"
            | "ну да"
            | "конечно"
            | "конечно да"
            | "разумеется"
            | "обязательно"
            | "естественно"
            | "хорошо"
            | "ладно"
            | "окей"
            | "ок"
            | "верно"
            | "все верно"
            | "да верно"
            | "правильно"
            | "все правильно"
            | "точно"
            | "именно"
            | "именно так"
            | "думаю да"
            | "наверное"
            | "наверно"
            | "так и есть"
            | "давайте"
            | "да давайте"
            | "давай"
            | "пожалуйста"
            | "да пожалуйста"
            | "подходит"
            | "удобно"
            | "согласен"
            | "согласна"
            | "хочу"
            | "можно"
            | "нет"
            | "неа"
            | "нет-нет"
            | "нет нет"
            | "нет спасибо"
            | "нет конечно"
            | "не надо"
            | "не нужно"
            | "не хочу"
            | "не совсем"
            | "не подходит"
            | "не удобно"
            | "неудобно"
            | "неверно"
            | "неправильно"
    )
}

pub(super) fn is_backchannel(word: &str) -> bool {
    matches!(
        plain(word).as_str(),
        "угу"
            | "угу-угу"
            | "ага"
            | "ага-ага"
            | "да"
            | "да-да"
            | "да-да-да"
            | "так"
            | "так-так"
            | "понятно"
            | "ясно"
            | "понял"
            | "поняла"
            | "хорошо"
            | "ладно"
            | "отлично"
            | "прекрасно"
            | "конечно"
            | "верно"
            | "точно"
            | "окей"
            | "ок"
            | "вот"
            | "ну"
            | "м"
            | "мм"
            | "ммм"
            | "м-м"
            | "м-м-м"
            | "мгм"
            | "хм"
            | "гм"
            | "э"
            | "ээ"
            | "э-э"
            | "эм"
            | "ой"
            | "ох"
            | "ах"
            | "а-а"
            | "о-о"
    )
}

/// How many figures a number's word stands for, and how many of those that follow may be said in
/// words of their own: three and two for the "сто" of "сто двадцать три".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    width: usize,
    open: usize,
}

fn figures(word: &str) -> Option<Figures> {
    let (width, open) = match plain(word).as_str() {
        "ноль" | "нуль" => (1, 0),
        "один" | "одна" | "одно" | "два" | "две" | "три" | "четыре" | "пять" | "шесть" | "семь"
        | "восемь" | "девять" => (1, 0),
        "десять" => (2, 0),
        "двадцать"
        | "тридцать"
        | "сорок"
        | "пятьдесят"
        | "шестьдесят"
        | "семьдесят"
        | "восемьдесят"
        | "девяносто" => (2, 1),
        "сто" | "двести" | "триста" | "четыреста" | "пятьсот" | "шестьсот" | "семьсот"
        | "восемьсот" | "девятьсот" => (3, 2),
        teen if teen.ends_with("надцать") => (2, 0),
        _ => return None,
    };
    Some(Figures { width, open })
}

pub(super) fn is_number(word: &str) -> bool {
    figures(word).is_some()
}

/// Counts the figures of numbers in words, one word after another.
#[derive(Default)]
pub(super) struct Counter {
    /// Figures of the number under way that its later words may still name.
    open: usize,
}

impl Counter {
    /// The figures that this word adds; none where it names some of a number before it.
    pub(super) fn add(&mut self, word: &str) -> usize {
        let Some(Figures { width, open }) = figures(word) else {
            self.open = 0;
            return 0;
        };
        // "Ноль" begins a number: "сто ноль" is two.
        let goes_on = width <= self.open && !plain(word).ends_with("ль");
        self.open = open;
        if goes_on { 0 } else { width }
    }
}

/// Are these words of one number or of a time ("триста пятьдесят", "десять тридцать"), and not those
/// of a number that is dictated?
pub(super) fn is_quantity(run: &[String]) -> bool {
    let mut counter = Counter::default();
    let groups: Vec<usize> =
        run.iter().map(|word| counter.add(word)).filter(|width| *width > 0).collect();
    let in_words = run.iter().all(|word| is_number(word));
    in_words && (groups.len() < 2 || (groups.len() < 4 && !groups.contains(&3)))
}

/// How many figures make a telephone number that begins so, if its first words tell.
pub(super) fn whole_number(words: &[String]) -> Option<usize> {
    let first = words.iter().position(|word| is_number(word))?;
    let has_plus = first > 0 && words[first - 1] == "плюс";
    match words[first].as_str() {
        "восемь" => Some(11),
        "семь" if has_plus => Some(11),
        "девятьсот" if has_plus => Some(12),
        _ => None,
    }
}
