//! Mail and web addresses as they are written.

/// A part of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Letters.
    Letters(&'a str),
    /// Figures, said one by one.
    Figures(&'a str),
    /// `@`, `.`, `-`, `_`, `/` or `+`.
    Sign(char),
}

/// What is said of an address: no scheme, no `www.`, no query, no slash at the end.
pub(crate) fn address(core: &str) -> Option<Vec<Part<'_>>> {
    let without = |text: &'_ str, prefix: &str| -> usize {
        let head = text.get(..prefix.len());
        if head.is_some_and(|head| head.eq_ignore_ascii_case(prefix)) { prefix.len() } else { 0 }
    };
    let scheme = ["https://", "http://", "mailto:"].iter().map(|prefix| without(core, prefix));
    let scheme = scheme.max().unwrap_or(0);
    let rest = &core[scheme..];
    let www = without(rest, "www.");
    let rest = &rest[www..];
    let rest = rest.split(['?', '#']).next().unwrap_or(rest).trim_end_matches('/');
    let is_part = |letter: char| letter.is_alphanumeric() || "@.-_/+".contains(letter);
    if !rest.chars().all(is_part) || !rest.contains('.') {
        return None;
    }
    let host = rest.split('/').next()?;
    let (mailbox, host) = match host.split_once('@') {
        Some((mailbox, host)) => (Some(mailbox), host),
        None => (None, host),
    };
    let mut labels: Vec<&str> = host.split('.').collect();
    let name = |label: &&str| {
        !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
    };
    if labels.len() < 2 || !labels.iter().all(name) || mailbox.is_some_and(str::is_empty) {
        return None;
    }
    let last = labels.pop()?;
    let named = last.chars().count() >= 2 && last.chars().all(char::is_alphabetic);
    // Without a scheme and a mailbox only a known ending makes it an address: "Hello.World" is none.
    let plain = scheme == 0 && www == 0 && mailbox.is_none();
    if !named || (plain && !(ENDINGS.contains(&last) && host.is_ascii() || last == "рф")) {
        return None;
    }
    Some(parts(rest))
}

const ENDINGS: [&str; 32] = [
    "com", "org", "net", "edu", "gov", "info", "biz", "io", "ai", "app", "dev", "co", "me", "us",
    "uk", "eu", "de", "fr", "ru", "su", "health", "clinic", "kz", "uz", "ca", "au", "ly", "tv",
    "shop", "site", "online", "xyz",
];

fn parts(text: &str) -> Vec<Part<'_>> {
    let kind = |letter: char| match letter {
        '0'..='9' => 1,
        letter if letter.is_alphanumeric() => 0,
        _ => 2,
    };
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match kind(first) {
            2 => first.len_utf8(),
            this => rest.find(|letter| kind(letter) != this).unwrap_or(rest.len()),
        };
        let (part, after) = rest.split_at(end);
        out.push(match kind(first) {
            0 => Part::Letters(part),
            1 => Part::Figures(part),
            _ => Part::Sign(first),
        });
        rest = after;
    }
    out
}
