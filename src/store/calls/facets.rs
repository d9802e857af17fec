//! State, direction, sentiment and whether it was escalated: what a list is narrowed by most, as
//! one number.
//!
//! The column `facets` is made of them by the database; `{{facets}}` in `store::migrate` says how. However they are combined, what is wanted is
//! some of its numbers, which one index finds and counts without looking at any other call.

use super::Wanted;
use crate::domain::{Direction, Mood, State};

/// Of the calls that are wanted; none, if nothing narrows.
pub(super) fn of(wanted: &Wanted) -> Option<Vec<i64>> {
    let open = wanted.states.is_none()
        && wanted.direction.is_none()
        && wanted.mood.is_none()
        && wanted.escalated.is_none();
    if open {
        return None;
    }
    let states = wanted.states.unwrap_or(State::ALL);
    let directions = Direction::ALL
        .iter()
        .filter(|direction| wanted.direction.is_none_or(|wanted| wanted == **direction));
    let moods = std::iter::once(None).chain(Mood::ALL.iter().copied().map(Some));
    let moods = moods.filter(|mood| wanted.mood.is_none() || wanted.mood == *mood);
    let escalated =
        [false, true].into_iter().filter(|is| wanted.escalated.is_none_or(|wanted| wanted == *is));
    let mut facets = Vec::new();
    for state in states {
        for direction in directions.clone() {
            for mood in moods.clone() {
                let before = state_bits(*state) + direction_bits(*direction) + mood_bits(mood);
                facets.extend(escalated.clone().map(|is| before + i64::from(is)));
            }
        }
    }
    facets.sort_unstable();
    Some(facets)
}

fn state_bits(state: State) -> i64 {
    16 * match state {
        State::Queued => 0,
        State::Initiated => 1,
        State::Ringing => 2,
        State::InProgress => 3,
        State::Completed => 4,
        State::Busy => 5,
        State::NoAnswer => 6,
        State::Failed => 7,
        State::Canceled => 8,
    }
}

fn direction_bits(direction: Direction) -> i64 {
    match direction {
        Direction::Inbound => 0,
        Direction::Outbound => 8,
    }
}

fn mood_bits(mood: Option<Mood>) -> i64 {
    match mood {
        None => 0,
        Some(Mood::Positive) => 2,
        Some(Mood::Neutral) => 4,
        Some(Mood::Negative) => 6,
    }
}
