//! Nothing is written that the carrier does not document: every verb, with every attribute set and
//! every fixed value tried, is held against the table in `allowed.txt`. And the reverse: all that
//! the table holds is written by some verb, unless it says `unused`.

mod every;

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::events::{BytesStart, Event};

struct Allowed<'a> {
    children: BTreeMap<&'a str, BTreeSet<&'a str>>,
    attributes: BTreeMap<(&'a str, &'a str), &'a str>,
}

fn read_table(text: &str) -> Allowed<'_> {
    let mut allowed = Allowed { children: BTreeMap::new(), attributes: BTreeMap::new() };
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (element, rest) = line.split_once(' ').expect("an element and what it has");
        match rest.strip_prefix('>') {
            Some(children) => {
                allowed.children.insert(element, children.split_whitespace().collect());
            }
            None => {
                let (attribute, kind) = rest.split_once(' ').expect("an attribute and its kind");
                let before = allowed.attributes.insert((element, attribute), kind);
                assert!(before.is_none(), "{element} {attribute} stands twice in the table");
            }
        }
    }
    allowed
}

fn holds(kind: &str, value: &str) -> bool {
    let (kind, words) = kind.split_once(' ').unwrap_or((kind, ""));
    let mut words = words.split(' ');
    match kind {
        "url" => value.is_empty() || value.starts_with('/') || value.starts_with("https://"),
        "socket" => value.starts_with('/') || value.starts_with("wss://"),
        "text" => !value.is_empty(),
        "bool" => matches!(value, "true" | "false"),
        "keys" => value.chars().all(|key| "0123456789*#".contains(key)),
        "tones" => value.chars().all(|tone| "0123456789*#wW".contains(tone)),
        "seconds-or-auto" => value == "auto" || value.parse::<u32>().is_ok(),
        "voice" => {
            let named = |prefix| value.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
            matches!(value, "man" | "woman") || named("Polly.") || named("Google.")
        }
        "int" => {
            let (low, high) = words.next().and_then(|range| range.split_once("..")).expect("range");
            let bound = |text: &str| text.parse::<u32>().expect("a bound");
            value.parse().is_ok_and(|number| (bound(low)..=bound(high)).contains(&number))
        }
        "one" => words.any(|word| word.replace('+', " ") == value),
        "some" => {
            let known: Vec<&str> = words.collect();
            let given: Vec<&str> = value.split(' ').collect();
            let distinct: BTreeSet<&&str> = given.iter().collect();
            distinct.len() == given.len() && given.iter().all(|word| known.contains(word))
        }
        other => panic!("the table has an unknown kind {other}"),
    }
}

#[test]
fn what_is_written_is_documented_and_what_is_documented_is_written() {
    let table = include_str!("allowed.txt");
    let allowed = read_table(table);
    let mut written: BTreeSet<(String, String)> = BTreeSet::new();

    let mut check = |start: &BytesStart<'_>, stack: &[String]| {
        let name = String::from_utf8(start.name().as_ref().to_vec()).expect("UTF-8");
        assert!(allowed.children.contains_key(name.as_str()), "<{name}> is not documented");
        if let Some(parent) = stack.last() {
            let children = &allowed.children[parent.as_str()];
            assert!(children.contains(name.as_str()), "<{parent}> may not hold <{name}>");
        }
        for attribute in start.attributes() {
            let attribute = attribute.expect("well-formed");
            let key = String::from_utf8(attribute.key.as_ref().to_vec()).expect("UTF-8");
            let value = attribute.unescape_value().expect("known references");
            let kind = allowed.attributes.get(&(name.as_str(), key.as_str()));
            let kind = kind.unwrap_or_else(|| panic!("{key} of <{name}> is not documented"));
            assert!(holds(kind, &value), "{key} of <{name}> may not be {value:?}: {kind}");
            written.insert((name.clone(), key));
        }
        name
    };

    for document in every::documents() {
        let text = document.to_string();
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut stack: Vec<String> = Vec::new();
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Start(start) => {
                    let name = check(&start, &stack);
                    stack.push(name);
                }
                Event::Empty(start) => {
                    check(&start, &stack);
                }
                Event::End(_) => {
                    stack.pop();
                }
                Event::Text(_) | Event::GeneralRef(_) => {
                    let parent = stack.last().expect("text stands in an element");
                    let children = &allowed.children[parent.as_str()];
                    assert!(children.contains("text"), "<{parent}> may not hold text");
                }
                Event::Eof => break,
                _ => {}
            }
        }
    }

    let missing: Vec<_> = allowed
        .attributes
        .iter()
        .filter(|((element, attribute), kind)| {
            **kind != "unused"
                && !written.contains(&((*element).to_owned(), (*attribute).to_owned()))
        })
        .map(|((element, attribute), _)| format!("{element} {attribute}"))
        .collect();
    assert!(missing.is_empty(), "in the table and never written: {missing:?}");
}
