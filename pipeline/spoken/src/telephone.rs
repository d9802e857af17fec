//! Telephone numbers as they are written, over white space: `+1 (415) 555-0100`, `8 800 555-35-35`.

use crate::chunk::{Place, is_figures};

/// No number is written as more chunks than this.
const MOST_CHUNKS: usize = 6;

/// A telephone number in the groups in which it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Telephone {
    /// It begins with the sign of a country's code.
    pub(crate) plus: bool,
    pub(crate) groups: Vec<String>,
    /// How many chunks it takes.
    pub(crate) taken: usize,
}

/// Groups that make a number without a plus.
const SHAPES: [&[usize]; 9] = [
    &[3, 4],
    &[3, 3, 4],
    &[1, 3, 3, 4],
    &[1, 3, 3, 2, 2],
    &[3, 3, 2, 2],
    &[3, 2, 2],
    &[1, 3, 7],
    &[3, 7],
    &[1, 4, 6],
];

impl Telephone {
    /// The longest number that begins here. `pairs`: what is written in one is grouped as in Russia, the
    /// last four figures by two.
    pub(crate) fn at(place: Place<'_>, pairs: bool) -> Option<Self> {
        let (mut groups, mut best) = (Vec::new(), None);
        let mut plus = false;
        for ahead in 0..MOST_CHUNKS {
            let Some(chunk) = place.chunk(ahead) else { break };
            // Brackets around a group are set apart from it; other signs end the number.
            let open = chunk.lead.is_empty() || chunk.lead == "(";
            let mut body = chunk.core.as_str();
            if ahead == 0 {
                (plus, body) = match body.strip_prefix('+') {
                    Some(rest) => (true, rest),
                    None => (false, body),
                };
            }
            let is_part = |letter: char| letter.is_ascii_digit() || "-–.()".contains(letter);
            if !open || body.is_empty() || !body.chars().all(is_part) {
                break;
            }
            if ahead > 0 && !(chunk.tied || is_separated(place, ahead)) {
                break;
            }
            let parts = body.split(['-', '–', '.', '(', ')']).filter(|part| !part.is_empty());
            groups.extend(parts.map(str::to_owned));
            let number = Telephone { plus, groups: groups.clone(), taken: ahead + 1 };
            best = number.is_one(place).then_some(number).or(best);
            if !(chunk.tail.is_empty() || chunk.tail == ")") {
                break;
            }
        }
        let mut best = best?;
        best.regroup(pairs);
        Some(best)
    }

    fn is_one(&self, place: Place<'_>) -> bool {
        let lengths: Vec<usize> = self.groups.iter().map(String::len).collect();
        let figures: usize = lengths.iter().sum();
        if self.plus {
            return (8..=15).contains(&figures);
        }
        match lengths.as_slice() {
            // "555-0142", but not "100 2000".
            [3, 4] | [3, 2, 2] => self.taken == 1,
            // All in one: ten figures, or eleven with the prefix of a long-distance call.
            [10] => true,
            [11] => place.core().starts_with(['1', '7', '8']),
            shape => SHAPES.contains(&shape) && !self.is_grouped_number(),
        }
    }

    /// `1 500 300` has the first groups of a telephone number.
    fn is_grouped_number(&self) -> bool {
        self.groups.iter().skip(1).all(|group| group.len() == 3)
    }

    fn regroup(&mut self, pairs: bool) {
        let all = self.groups.concat();
        let long = self.groups.iter().any(|group| group.len() > 4);
        let sizes: &[usize] = match (all.len(), pairs) {
            (11, true) => &[1, 3, 3, 2, 2],
            (10, true) => &[3, 3, 2, 2],
            (11, false) if long => &[1, 3, 3, 4],
            (10, false) if long => &[3, 3, 4],
            _ if long => &[3, 3, 3, 3, 3],
            _ => return,
        };
        let mut rest = all.as_str();
        self.groups.clear();
        for size in sizes {
            let (group, after) = rest.split_at((*size).min(rest.len()));
            self.groups.extend((!group.is_empty()).then(|| group.to_owned()));
            rest = after;
        }
    }
}

/// Does only white space stand between this chunk and the one before, or a bracket?
fn is_separated(place: Place<'_>, ahead: usize) -> bool {
    let before = place.chunk(ahead - 1).map_or("", |chunk| chunk.tail.as_str());
    before.is_empty() || before == ")"
}

/// Long codes are said in groups with a breath between: of three, unless that leaves a single figure.
pub(crate) fn code_groups(figures: &str) -> Vec<&str> {
    debug_assert!(is_figures(figures), "a code of figures");
    if figures.len() <= 6 {
        return vec![figures];
    }
    let mut groups = Vec::new();
    let mut rest = figures;
    while rest.len() > 4 {
        let (group, after) = rest.split_at(3);
        groups.push(group);
        rest = after;
    }
    groups.push(rest);
    groups
}
