//! Verdicts and comparisons, for people.

use std::io::{Result, Write};

use turn::{EndReason, Moment};

use super::{
    compare::{Call, Comparison, Row, Spread, Sums},
    exact::Verdict,
    settings::Settings,
    simulated::Guessed,
    timeline::spelled_end,
    turns::Outcome,
};

/// How an exact replay came out.
pub fn verdict(out: &mut impl Write, verdict: &Verdict) -> Result<()> {
    for line in &verdict.torn_lines {
        writeln!(out, "Line {line} was torn by a crash and is passed over.")?;
    }
    for session in &verdict.broken_off {
        writeln!(out, "Session {session} broke off while its last actions were being written.")?;
    }
    for machine in &verdict.other_machines {
        let by = match machine.is_empty() {
            true => "a machine that did not say which it was".to_owned(),
            false => format!("machine {machine}"),
        };
        writeln!(out, "It was written by {by}; this is machine {}.", verdict.machine)?;
    }
    let Verdict { sessions, events, actions, .. } = verdict;
    let Some(difference) = &verdict.difference else {
        let plural = if *sessions == 1 { "" } else { "s" };
        return writeln!(
            out,
            "Exact: {sessions} session{plural}, {events} events, {actions} actions."
        );
    };
    let line = difference.line;
    writeln!(out, "Different from line {line} on, session {}:", difference.session)?;
    let event = difference.event.as_ref().and_then(|event| serde_json::to_string(event).ok());
    writeln!(out, "  at        {} s", difference.at)?;
    writeln!(out, "  event     {}", event.as_deref().unwrap_or("(none before it)"))?;
    let nothing = "(nothing more)";
    writeln!(out, "  expected  {}", difference.expected.as_deref().unwrap_or(nothing))?;
    writeln!(out, "  got       {}", difference.got.as_deref().unwrap_or(nothing))?;
    if !verdict.other_machines.is_empty() {
        writeln!(out, "Another machine wrote it: it may well do otherwise.")?;
    }
    Ok(())
}

/// A call with other settings, stretch by stretch.
pub fn call(out: &mut impl Write, settings: &Settings, call: &Call) -> Result<()> {
    heading(out, settings)?;
    let at = "at";
    writeln!(out, "    {at:>9}  {:<34}  {:<38}  with other settings", "the caller", "recorded")?;
    for row in &call.rows {
        let mark = if row.differs { '*' } else { ' ' };
        let words = shortened(&row.words, 34);
        let (recorded, other) = (outcome(&row.recorded, row), outcome(&row.other, row));
        let at = clock(row.from.0);
        writeln!(out, "  {mark} {at:>9}  {words:<34}  {recorded:<38}  {other}")?;
    }
    for guess in &call.guesses {
        let what = match guess.what {
            Guessed::Reply => "no reply to these words was recorded: the nearest was taken",
            Guessed::RestOfReply => "the rest of a reply was not recorded",
            Guessed::Speech => "a sentence's audio was not recorded: its length is guessed",
            Guessed::Tool => "a tool's answer to this was not recorded",
        };
        writeln!(out, "  ? {:>9}  {what}", clock(guess.at.0))?;
    }
    if call.ended_own != call.ended_other {
        let end = |end: &Option<(Moment, EndReason)>| match end {
            Some((at, why)) => format!("{} at {}", spelled_end(why), clock(at.0)),
            None => "the call went on".to_owned(),
        };
        let (own, other) = (end(&call.ended_own), end(&call.ended_other));
        writeln!(out, "  * end: {own}; with other settings: {other}")?;
    }
    sums(out, &call.sums)
}

/// Sums of many calls.
pub fn comparison(out: &mut impl Write, settings: &Settings, of: &Comparison) -> Result<()> {
    heading(out, settings)?;
    writeln!(out, "  {} calls, {} of them changed", of.calls, of.calls_changed)?;
    sums(out, of)
}

fn heading(out: &mut impl Write, settings: &Settings) -> Result<()> {
    let changes: Vec<String> =
        settings.changes.iter().map(|change| format!("{}={}", change.path, change.value)).collect();
    writeln!(out, "\n{}: {}", settings.name, changes.join(", "))
}

fn sums(out: &mut impl Write, of: &Comparison) -> Result<()> {
    let Comparison { recorded, own, other, .. } = of;
    let recorded_title = "recorded";
    writeln!(out, "  {:<32}  {recorded_title:>9}  {:>9}  {:>9}", "", "own again", "other")?;
    type Count = fn(&Sums) -> u64;
    let counts: [(&str, Count); 10] = [
        ("turns", |sums| sums.turns),
        ("cut-offs", |sums| sums.cut_offs),
        ("barge-ins", |sums| sums.barge_ins),
        ("backchannels", |sums| sums.backchannels),
        ("false stops", |sums| sums.false_stops),
        ("resumed", |sums| sums.resumed),
        ("prepared replies used", |sums| sums.speculations_used),
        ("prepared replies wasted", |sums| sums.speculations_wasted),
        ("fillers", |sums| sums.fillers),
        ("prompts and apologies", |sums| sums.idle_prompts + sums.apologies),
    ];
    for (name, count) in counts {
        let (recorded, own, other) = (count(recorded), count(own), count(other));
        if recorded + own + other > 0 {
            let mark = if own == other { ' ' } else { '*' };
            writeln!(out, "{mark} {name:<32}  {recorded:>9}  {own:>9}  {other:>9}")?;
        }
    }
    for (name, [recorded, own, other]) in [
        ("turn decided after, ms", [recorded, own, other].map(|sums| sums.decision_ms)),
        ("answer heard after, ms", [recorded, own, other].map(|sums| sums.answer_ms)),
    ] {
        for (part, [recorded, own, other]) in [
            ("median", [recorded, own, other].map(|spread| spread.median)),
            ("p95", [recorded, own, other].map(|spread| spread.p95)),
        ] {
            let mark = if own == other { ' ' } else { '*' };
            let shown = |ms: Option<i64>| ms.map_or("-".to_owned(), |ms| ms.to_string());
            let (recorded, own, other) = (shown(recorded), shown(own), shown(other));
            let name = format!("{name}, {part}");
            writeln!(out, "{mark} {name:<32}  {recorded:>9}  {own:>9}  {other:>9}")?;
        }
    }
    later(out, "turns end", &of.decided_later_ms)?;
    later(out, "answers come", &of.answered_later_ms)?;
    if of.turns_gained + of.turns_lost > 0 {
        writeln!(
            out,
            "  {} turns end where none did, {} no longer end where they did",
            of.turns_gained, of.turns_lost
        )?;
    }
    if of.guesses > 0 {
        writeln!(out, "  {} times the recording could not tell and was guessed from", of.guesses)?;
    }
    if of.unlike_recording > 0 {
        writeln!(
            out,
            "  with its own settings {} turns come out otherwise than recorded (more than 10 ms)",
            of.unlike_recording
        )?;
    }
    Ok(())
}

/// How much later, turn by turn.
fn later(out: &mut impl Write, what: &str, spread: &Spread) -> Result<()> {
    let Spread {
        count,
        median: Some(median),
        p95: Some(p95),
        least: Some(least),
        most: Some(most),
    } = *spread
    else {
        return Ok(());
    };
    writeln!(
        out,
        "  of {count} turns, {what} {median:+} ms (median), {p95:+} ms (p95), {least:+} to {most:+} ms"
    )
}

fn outcome(outcome: &Outcome, row: &Row) -> String {
    let mut parts = Vec::new();
    for (name, count) in [
        ("barge-in", outcome.barge_ins),
        ("backchannel", outcome.backchannels),
        ("false stop", outcome.false_stops),
        ("resumed", outcome.resumed),
    ] {
        match count {
            0 => {}
            1 => parts.push(name.to_owned()),
            count => parts.push(format!("{count} × {name}")),
        }
    }
    for decision in &outcome.decisions {
        let mut text = format!("over after {}", decision.after_ms);
        if let Some(answer) = decision.answer_ms {
            text += &format!(", answered {answer} ms");
        }
        if let Some(went_on) = decision.cut_off_ms {
            text += &format!(", CUT OFF (went on {went_on})");
        }
        parts.push(text);
    }
    match (parts.is_empty(), row.went_on_after_ms) {
        (false, _) => parts.join("; "),
        (true, Some(after)) => format!("(went on after {after} ms)"),
        (true, None) => "-".to_owned(),
    }
}

fn shortened(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most - 1).chain(['…']).collect(),
        false => text.to_owned(),
    }
}

fn clock(ms: u64) -> String {
    format!("{}:{:02}.{:03}", ms / 60_000, ms / 1_000 % 60, ms % 1_000)
}
