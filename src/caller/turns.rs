//! Who spoke when, and who waited for whom, from the audio of both sides.

use super::clock::Tick;
use super::hearing::{BREATH, FLOOR_DB, Hearing, Span, spans_of};
use super::outcome::{BargeIn, Clear, Response, Turn, Who};
use super::script::PAUSE;

/// A `clear` so long after the agent was last heard still belongs to that turn.
const CUT_WITHIN_MS: u64 = 200;

/// A barge-in is answered by a `clear` before the caller has ended by so much, or not at all.
const CLEAR_WITHIN: Tick = Tick::from_ms(1_000);

/// A whole call's turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turns {
    /// Both sides', by their beginning.
    pub turns: Vec<Turn>,
    /// One for each turn of the caller.
    pub responses: Vec<Response>,
    /// One for each turn of the caller that began over the agent.
    pub barge_ins: Vec<BargeIn>,
}

/// Finds the turns in the recording of both sides; `clears` are the gateway's.
#[must_use]
pub fn of_call(caller: &[u8], agent: &[u8], clears: &[Clear]) -> Turns {
    let callers = spans_of(caller, PAUSE);
    let agents = agent_spans(agent, &callers);

    let cut = |span: &Span| {
        clears.iter().any(|clear| {
            let (from, to) = (span.from.ms(), span.to.ms() + CUT_WITHIN_MS);
            clear.dropped_ms > 0
                && (from..=to).contains(&clear.at_ms)
                // Speech that goes on for long after it was not cut: it was other audio.
                && span.to.ms() <= clear.at_ms + CUT_WITHIN_MS
        })
    };
    let turn =
        |who, span: &Span, cut| Turn { who, from_ms: span.from.ms(), to_ms: span.to.ms(), cut };
    let mut turns: Vec<Turn> = callers.iter().map(|span| turn(Who::Caller, span, false)).collect();
    turns.extend(agents.iter().map(|span| turn(Who::Agent, span, cut(span))));
    turns.sort_by_key(|turn| turn.from_ms);

    let responses = callers.iter().enumerate().map(|(index, caller)| {
        let next = callers.get(index + 1).map_or(Tick(u64::MAX), |next| next.from);
        let answer = agents.iter().find(|agent| agent.from > caller.from && agent.to > caller.to);
        let answer = answer.map(|agent| agent.from).filter(|from| *from < next);
        Response {
            caller_ended_ms: caller.to.ms(),
            agent_began_ms: answer.map(Tick::ms),
            latency_ms: answer.map(|from| (from.0 as i64 - caller.to.0 as i64) / 8),
        }
    });
    let barge_ins = callers.iter().filter_map(|caller| {
        let agent =
            agents.iter().find(|agent| agent.from < caller.from && agent.to > caller.from)?;
        let onset_ms = caller.from.ms();
        let last = caller.to.plus(CLEAR_WITHIN).ms();
        let clear = clears.iter().find(|clear| (onset_ms..=last).contains(&clear.at_ms));
        Some(BargeIn {
            onset_ms,
            clear_after_ms: clear.map(|clear| clear.at_ms - onset_ms),
            agent_heard_for_ms: agent.to.ms() - onset_ms,
        })
    });
    Turns { responses: responses.collect(), barge_ins: barge_ins.collect(), turns }
}

/// The agent's stretches: a pause joins two of them only if the caller said nothing in it.
fn agent_spans(agent: &[u8], callers: &[Span]) -> Vec<Span> {
    let mut hearing = Hearing::new(BREATH, FLOOR_DB);
    hearing.push(agent);
    let mut joined: Vec<Span> = Vec::new();
    for span in hearing.spans() {
        match joined.last_mut() {
            Some(last)
                if span.from.since(last.to) < PAUSE
                    && !callers.iter().any(|c| c.from < span.from && c.to > last.to) =>
            {
                last.to = span.to;
            }
            _ => joined.push(*span),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(length: usize, speech: &[(usize, usize)]) -> Vec<u8> {
        let mut audio = vec![0xFF; length * 8];
        for (from, to) in speech {
            audio[from * 8..to * 8].fill(0xA0);
        }
        audio
    }

    #[test]
    fn an_answer_is_timed_from_the_end_of_the_question() {
        let caller = side(10_000, &[(2_000, 3_000), (7_000, 7_500)]);
        let agent = side(10_000, &[(100, 1_500), (3_850, 6_000)]);
        let found = of_call(&caller, &agent, &[]);
        let who: Vec<Who> = found.turns.iter().map(|turn| turn.who).collect();
        assert_eq!(who, [Who::Agent, Who::Caller, Who::Agent, Who::Caller]);
        assert_eq!(
            found.responses,
            [
                Response {
                    caller_ended_ms: 3_000,
                    agent_began_ms: Some(3_850),
                    latency_ms: Some(850)
                },
                Response { caller_ended_ms: 7_500, agent_began_ms: None, latency_ms: None },
            ]
        );
        assert_eq!(found.barge_ins, []);
    }

    #[test]
    fn a_quick_answer_is_a_turn_of_its_own() {
        let caller = side(3_000, &[(450, 750)]);
        let agent = side(3_000, &[(0, 400), (800, 1_000), (1_500, 2_000)]);
        let found = of_call(&caller, &agent, &[]);
        let times: Vec<u64> = found.turns.iter().map(|turn| turn.from_ms).collect();
        assert_eq!(times, [0, 450, 800]);
        assert_eq!(found.turns[2].to_ms, 2_000);
        assert_eq!(found.responses[0].latency_ms, Some(50));
    }

    #[test]
    fn an_agent_who_cuts_in_has_a_negative_latency() {
        let caller = side(5_000, &[(1_000, 2_500)]);
        let agent = side(5_000, &[(2_300, 4_000)]);
        assert_eq!(of_call(&caller, &agent, &[]).responses[0].latency_ms, Some(-200));
    }

    #[test]
    fn a_barge_in_is_timed_to_the_clear_and_to_the_silence() {
        let caller = side(9_000, &[(2_000, 3_000)]);
        let agent = side(9_000, &[(500, 2_200), (4_000, 6_000)]);
        let clears = [Clear { at_ms: 2_200, dropped_ms: 900, marks: 2 }];
        let found = of_call(&caller, &agent, &clears);
        assert_eq!(
            found.barge_ins,
            [BargeIn { onset_ms: 2_000, clear_after_ms: Some(200), agent_heard_for_ms: 200 }]
        );
        assert!(found.turns[0].cut);
        assert!(!found.turns[2].cut);
        assert_eq!(found.responses[0].latency_ms, Some(1_000));
    }

    #[test]
    fn an_agent_who_does_not_yield_is_reported_too() {
        let caller = side(9_000, &[(2_000, 3_000)]);
        let agent = side(9_000, &[(500, 5_000)]);
        let found = of_call(&caller, &agent, &[]);
        assert_eq!(
            found.barge_ins,
            [BargeIn { onset_ms: 2_000, clear_after_ms: None, agent_heard_for_ms: 3_000 }]
        );
        assert_eq!(found.responses[0].agent_began_ms, None);
    }
}
