//! Recorded calls through the machine again: exactly as they were, and with other settings. The
//! journals are of calls that are played by numbers, so that what must come out is known.

#[path = "replay/played.rs"]
mod played;

use std::{io::Write, path::PathBuf};

use played::{Played, policy, silence};
use serde_json::Value;
use tandem::{
    live::journal::read::{BadJournal, Reader},
    replay::{
        ReplayArgs,
        exact::{Verdict, replay},
        recorded::Recorder,
        replay_all,
    },
};
use turn::{Command, Event, Message, Script};

/// A caller who pauses for 700 ms amid what they want, and is answered twice.
fn pausing(silence_ms: u64) -> Vec<u8> {
    Played::new("CA1", policy(silence_ms), Script::default())
        .answers(&["Which day would you like?", "You are booked."])
        .says(1_000, 2_500, "I need an appointment.")
        .says(3_200, 4_200, "It is about my tooth.")
        .says(9_000, 9_800, "On Tuesday.")
        .until(15_000)
}

fn replayed(journal: &[u8]) -> Result<Verdict, BadJournal> {
    replay(&mut Reader::new(journal)?, &mut ())
}

fn lines(journal: &[u8]) -> Vec<String> {
    String::from_utf8(journal.to_vec()).unwrap().lines().map(str::to_owned).collect()
}

fn joined(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

/// Journals in a folder, and what `tandem replay --json` says of it.
fn told(journals: &[(&str, &[u8])], call: &str, settings: &[String]) -> (u8, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("journal")).unwrap();
    for (name, journal) in journals {
        let path = folder.path().join("journal").join(format!("{name}.jsonl"));
        std::fs::File::create(path).unwrap().write_all(journal).unwrap();
    }
    let call = match call {
        "" => folder.path().join("journal").display().to_string(),
        call => call.to_owned(),
    };
    let args = ReplayArgs { call, data_dir: None, settings: settings.to_vec(), json: true };
    let mut out = Vec::new();
    let code = replay_all(&args, || folder.path().to_owned(), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    (code, out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn the_same_machine_does_the_same() {
    let verdict = replayed(&pausing(500)).unwrap();
    assert!(verdict.exact, "{verdict:#?}");
    assert!(verdict.events > 20 && verdict.actions > 20, "{verdict:#?}");
    assert!(verdict.other_machines.is_empty() && verdict.torn_lines.is_empty());
    assert_eq!(verdict.ended, Some(turn::EndReason::CallerLeft));
}

#[test]
fn any_byte_of_any_action_that_differs_is_found_in_its_line() {
    let journal = lines(&pausing(500));
    let mut changed = 0;
    for (place, line) in journal.iter().enumerate() {
        if !line.starts_with("{\"action\":") {
            continue;
        }
        // A digit, if there is one behind the time, else a letter within a text.
        let from = line.find(",\"action\":{").unwrap() + 11;
        let Some(at) = line[from..].find(|c: char| c.is_ascii_digit()) else { continue };
        let digit = line.as_bytes()[from + at];
        let other = if digit == b'1' { '2' } else { '1' };
        let mut bad = journal.clone();
        bad[place].replace_range(from + at..=from + at, &other.to_string());
        let verdict = replayed(&joined(&bad)).unwrap();
        let difference = verdict.difference.expect("one byte differs");
        assert!(!verdict.exact);
        assert_eq!(difference.line, place as u64 + 1);
        let action = |line: &str| line[from - 1..line.len() - 2].to_owned();
        assert_eq!(difference.expected, Some(action(&bad[place])));
        assert_eq!(difference.got, Some(action(line)));
        changed += 1;
    }
    assert!(changed > 15, "{changed} actions were changed");
}

#[test]
fn actions_that_are_missing_or_added_are_found() {
    let journal = lines(&pausing(500));
    let place = journal.iter().position(|line| line.contains("\"action\":\"ask\"")).unwrap();
    let mut without = journal.clone();
    let removed = without.remove(place);
    let difference = replayed(&joined(&without)).unwrap().difference.expect("one is missing");
    assert_eq!((difference.line, difference.expected), (place as u64 + 1, None));
    assert!(removed.contains(&difference.got.unwrap()));

    let mut twice = journal.clone();
    twice.insert(place, journal[place].clone());
    let difference = replayed(&joined(&twice)).unwrap().difference.expect("one is added");
    assert_eq!((difference.line, difference.got), (place as u64 + 2, None));

    // The right action at another time than its event's.
    let mut late = journal.clone();
    let at = journal[place].find("\"at\":").unwrap() + 5;
    late[place].insert(at, '1');
    let difference = replayed(&joined(&late)).unwrap().difference.expect("the time differs");
    assert_eq!(difference.line, place as u64 + 1);
}

#[test]
fn what_a_crash_tore_is_said_and_passed_over() {
    let whole = pausing(500);
    let lines_of_it = lines(&whole).len() as u64;
    for cut in [1, 10, 100, 1_000, whole.len() / 2] {
        let verdict = replayed(&whole[..whole.len() - cut]).unwrap();
        assert!(verdict.exact, "{cut} bytes less: {verdict:#?}");
        if cut > 1 {
            let said = !verdict.torn_lines.is_empty() || !verdict.broken_off.is_empty();
            assert!(said, "{cut} bytes less: {verdict:#?}");
        }
    }
    // Another session goes on behind the torn line.
    let mut torn = whole[..whole.len() - 30].to_vec();
    torn.push(b'\n');
    torn.extend_from_slice(&whole);
    let verdict = replayed(&torn).unwrap();
    assert!(verdict.exact && verdict.sessions == 2, "{verdict:#?}");
    assert_eq!(verdict.torn_lines, [lines_of_it]);
    assert_eq!(verdict.broken_off, [1]);
}

#[test]
fn what_is_no_journal_is_refused_with_its_line() {
    let good = lines(&pausing(500));
    let with = |place: usize, line: &str| {
        let mut bad = good.clone();
        bad[place] = line.to_owned();
        replayed(&joined(&bad)).unwrap_err().to_string()
    };
    for (place, line) in [
        (0, "hello"),
        (3, "hello"),
        (3, ""),
        (3, "{\"event\":{\"at\":1,\"event\":{\"event\":\"laughed\"}}}"),
        (3, "{\"event\":{\"at\":-1,\"event\":{\"event\":\"due\"}}}"),
        (3, "{\"action\":{\"at\":1}}"),
        (3, "{\"action\":{\"at\":1,\"action\":{\"action\":\"hold\"}"),
    ] {
        let said = with(place, line);
        assert!(said.starts_with(&format!("line {} ", place + 1)), "{line}: {said}");
    }
    assert!(matches!(replayed(b""), Err(BadJournal::Empty)));
    assert!(matches!(replayed(good[1].as_bytes()), Err(BadJournal::NoHeader { line: 1 })));
    let mut binary = joined(&good[..4]);
    binary.extend_from_slice(b"\xFF\xFE\x00\n");
    binary.extend_from_slice(&joined(&good[4..]));
    assert!(matches!(replayed(&binary), Err(BadJournal::Malformed { line: 5, .. })));
}

#[test]
fn a_journal_of_another_machine_is_tried_and_said_to_be_that() {
    let mut journal = lines(&pausing(500));
    let fields: Value = serde_json::from_str(&journal[0]).unwrap();
    let machine = fields["machine"].as_str().unwrap().to_owned();
    // As an older gateway wrote it, which did not tell these either.
    let mut old = fields.as_object().unwrap().clone();
    for name in ["machine", "lead_ms", "before"] {
        old.remove(name);
    }
    journal[0] = serde_json::to_string(&old).unwrap();
    let verdict = replayed(&joined(&journal)).unwrap();
    assert!(verdict.exact, "{verdict:#?}");
    assert_eq!(verdict.other_machines, [""]);
    assert_eq!(verdict.machine, machine);
}

/// When a turn was decided, when it was answered, and how soon the caller went on if they were cut off.
type Turn = (u64, Option<u64>, Option<u64>);

/// The turns after each of the caller's stretches of voice, in one run.
fn turns(report: &Value, run: &str) -> Vec<Vec<Turn>> {
    let rows = report["comparisons"][0]["rows"].as_array().unwrap();
    let decisions = |row: &Value| row[run]["decisions"].as_array().unwrap().clone();
    let figures = |decision: Value| {
        let figure = |name: &str| decision[name].as_u64();
        (figure("after_ms").unwrap(), figure("answer_ms"), figure("cut_off_ms"))
    };
    rows.iter().map(|row| decisions(row).into_iter().map(figures).collect()).collect()
}

#[test]
fn quicker_settings_save_their_difference_and_cut_in_where_the_caller_paused() {
    // A session looks 1 ms after the deadline. Then 300 ms of the model, 200 ms of the voice, and the
    // 40 ms that a mark takes to come back.
    let journal = pausing(800);
    let recorded = vec![vec![], vec![(801, Some(1_341), None)], vec![(801, Some(1_341), None)]];
    let (code, reports) = told(&[("CA1", &journal)], "CA1", &silence(500, ""));
    let report = &reports[0];
    assert_eq!((code, report["exact"].as_bool()), (0, Some(true)), "{report:#}");
    assert_eq!(turns(report, "recorded"), recorded, "{report:#}");
    assert_eq!(turns(report, "own"), recorded, "the simulation is like the recording: {report:#}");
    // The pause of 700 ms now ends a turn: the caller is cut off, and goes on before the answer.
    let other = vec![
        vec![(501, None, Some(700))],
        vec![(501, Some(1_041), None)],
        vec![(501, Some(1_041), None)],
    ];
    assert_eq!(turns(report, "other"), other, "{report:#}");
    let sums = &report["comparisons"][0]["sums"];
    assert_eq!(sums["calls_changed"], 1);
    assert_eq!(sums["own"]["cut_offs"], 0);
    assert_eq!(sums["other"]["cut_offs"], 1);
    assert_eq!(sums["turns_gained"], 1);
    assert_eq!(sums["decided_later_ms"]["median"], -300);
    assert_eq!(sums["answered_later_ms"]["p95"], -300);
    assert_eq!(sums["unlike_recording"], 0);
    // What is answered to "I need an appointment." alone is not known: the nearest reply stands in.
    assert_eq!(sums["guesses"], 1, "{report:#}");
}

#[test]
fn slower_settings_mend_a_cut_off_and_say_what_they_had_to_guess() {
    let journal = pausing(500);
    let recorded = vec![
        vec![(501, None, Some(700))],
        vec![(501, Some(1_041), None)],
        vec![(501, Some(1_041), None)],
    ];
    let (_, reports) = told(&[("CA1", &journal)], "CA1", &silence(900, ""));
    let report = &reports[0];
    assert_eq!(turns(report, "recorded"), recorded, "{report:#}");
    assert_eq!(turns(report, "own"), recorded, "{report:#}");
    let other = vec![vec![], vec![(901, Some(1_441), None)], vec![(901, Some(1_441), None)]];
    assert_eq!(turns(report, "other"), other, "{report:#}");
    let sums = &report["comparisons"][0]["sums"];
    assert_eq!(sums["recorded"]["cut_offs"], 1);
    assert_eq!(sums["other"]["cut_offs"], 0);
    assert_eq!(sums["turns_lost"], 1);
    assert_eq!(sums["decided_later_ms"]["median"], 400);
    // The model was asked for the same words in the end: its answer is known.
    assert_eq!(sums["guesses"], 0, "{report:#}");
}

#[test]
fn the_settings_that_a_call_had_change_nothing() {
    let journal = pausing(500);
    for same in ["turn.end_of_turn.even=500", "script.goodbye="] {
        let (_, reports) = told(&[("CA1", &journal)], "CA1", &[same.to_owned()]);
        let call = &reports[0]["comparisons"][0];
        assert_eq!(call["sums"]["calls_changed"], 0, "{call:#}");
        assert!(call["rows"].as_array().unwrap().iter().all(|row| row["differs"] == false));
        assert_eq!(call["sums"]["unlike_recording"], 0, "{call:#}");
    }
}

/// The agent says much; at 5 s the caller says a word of listening, at 8 s they barge in.
fn talked_over(policy: turn::Policy) -> Vec<u8> {
    let long = "We are open from Monday to Friday between eight in the morning and six in the \
                evening, and on Saturday until noon, but not on Sunday, when nobody is here.";
    Played::new("CA2", policy, Script::default())
        .answers(&[long, "Good."])
        .says(1_000, 2_000, "When are you open?")
        .says(5_000, 5_300, "mm-hm")
        .says(8_000, 9_000, "Stop, that is enough.")
        .until(16_000)
}

#[test]
fn barge_ins_and_false_stops_are_told_apart_in_both_runs() {
    let journal = talked_over(policy(500));
    let mut settings =
        ["allowed=false", "keywords=[]"].map(|one| format!("never:turn.barge_in.{one}")).to_vec();
    settings.extend(silence(700, "slow:"));
    let (_, reports) = told(&[("CA2", &journal)], "CA2", &settings);
    let report = &reports[0];
    let sums = |place: usize, run: &str, name: &str| {
        report["comparisons"][place]["sums"][run][name].as_u64().unwrap()
    };
    for run in ["recorded", "own"] {
        let counts = ["barge_ins", "backchannels", "false_stops", "resumed", "turns"];
        let counts = counts.map(|name| sums(0, run, name));
        assert_eq!(counts, [1, 1, 1, 1, 2], "{run}: {report:#}");
    }
    let never =
        ["barge_ins", "backchannels", "false_stops", "resumed"].map(|name| sums(0, "other", name));
    assert_eq!(never, [0, 0, 0, 0], "{report:#}");
    let slow = ["barge_ins", "false_stops", "cut_offs"].map(|name| sums(1, "other", name));
    assert_eq!(slow, [1, 1, 0], "{report:#}");
    assert_eq!(report["comparisons"][1]["sums"]["decided_later_ms"]["median"], 200);
}

#[test]
fn a_folder_is_summed_up_and_bad_files_are_told_apart() {
    let (first, second) = (pausing(800), talked_over(policy(800)));
    let bad = b"no journal\nat all\n".to_vec();
    let mut differs = lines(&first);
    let place = differs.iter().position(|line| line.contains("turn_decided")).unwrap();
    differs[place] = differs[place].replacen("\"silence_ms\":801", "\"silence_ms\":800", 1);
    let differs = joined(&differs);
    let setting = silence(500, "");

    let (code, reports) = told(&[("CA1", &first), ("CA2", &second)], "", &setting);
    assert_eq!((code, reports.len()), (0, 3));
    let sums = &reports[2]["comparisons"][0];
    assert_eq!((&sums["calls"], &sums["calls_changed"]), (&2.into(), &2.into()), "{sums:#}");
    assert_eq!(sums["own"]["turns"], 4);
    assert_eq!(sums["other"]["turns"], 5);
    assert_eq!(sums["decided_later_ms"]["count"], 4);
    assert_eq!(sums["decided_later_ms"]["p95"], -300);

    let (code, reports) = told(&[("CA1", &first), ("CA3", &differs)], "", &[]);
    assert_eq!((code, &reports[2]["exact"], &reports[2]["different"]), (1, &1.into(), &1.into()));
    let (code, reports) = told(&[("CA1", &first), ("CA4", &bad)], "", &[]);
    assert_eq!((code, &reports[1]["unusable"]), (2, &1.into()));
}

#[test]
fn what_cannot_be_used_is_an_error() {
    let args = |call: &str, settings: &[&str]| ReplayArgs {
        call: call.to_owned(),
        data_dir: None,
        settings: settings.iter().map(|text| (*text).to_owned()).collect(),
        json: false,
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CA1.jsonl");
    std::fs::write(&path, pausing(500)).unwrap();
    let journal = path.display().to_string();
    let error = |call: &str, settings: &[&str]| {
        let none = || PathBuf::from("no/such/folder");
        replay_all(&args(call, settings), none, &mut Vec::new()).unwrap_err().to_string()
    };
    assert!(error("CA404", &[]).contains("CA404.jsonl"));
    assert!(error(&journal, &["turn.end_of_turn.shortist=1"]).contains("shortest"));
    assert!(error(&journal, &["turn.end_of_turn.shortest=x"]).contains("a number"));
}

#[test]
fn the_timeline_tells_who_said_what_and_where_the_time_went() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CA2.jsonl");
    std::fs::write(&path, talked_over(policy(500))).unwrap();
    let shown = |settings: &[String]| {
        let args = ReplayArgs {
            call: path.display().to_string(),
            data_dir: None,
            settings: settings.to_vec(),
            json: false,
        };
        let mut out = Vec::new();
        let code = replay_all(&args, PathBuf::new, &mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    };
    let (code, timeline) = shown(&[]);
    assert_eq!(code, 0);
    for told in [
        "caller     When are you open?",
        "turn over after 501 ms of silence, 500 called for; words settled",
        "^ answered in 1041 ms: vad 100, stt 0, turn 401, llm 300",
        "most of it turn",
        "(mm-hm: did not take the floor)",
        "false stop: the agent went on after a backchannel",
        "barge-in: the caller took the floor",
        "^ cut off; not heard:",
        "the caller hung up",
        "Exact: 1 session,",
    ] {
        assert!(timeline.contains(told), "{told:?} is not in\n{timeline}");
    }
    let (_, compared) = shown(&silence(700, ""));
    for told in
        ["over after 501, answered 1041 ms", "over after 701, answered 1241 ms", "+200 ms (median)"]
    {
        assert!(compared.contains(told), "{told:?} is not in\n{compared}");
    }
}

#[test]
fn a_call_that_was_gone_on_with_begins_with_what_was_said_before() {
    let end = Command::End { politely: false };
    let first = Played::new("CA5", policy(500), Script::default())
        .answers(&["Hello to you."])
        .says(1_000, 2_000, "Good morning.")
        .at(6_000, Event::Commanded { id: "1".to_owned(), command: end })
        .until(10_000);
    let mut second = lines(&pausing(500));
    // As an older gateway began it: what was said before stands in the lines before.
    second[0] = second[0].replace(",\"before\":[]", "");
    let both = [first, joined(&second)].concat();
    let mut recorder = Recorder::default();
    let verdict = replay(&mut Reader::new(&both[..]).unwrap(), &mut recorder).unwrap();
    assert!(verdict.exact, "{verdict:#?}");
    assert_eq!((verdict.sessions, verdict.ended), (2, Some(turn::EndReason::CallerLeft)));
    let before: Vec<Vec<Message>> =
        recorder.finish().into_iter().map(|session| session.before).collect();
    let caller = Message::Caller { text: "Good morning.".to_owned() };
    let agent = Message::Agent { text: "Hello to you.".to_owned(), tool_calls: Vec::new() };
    assert_eq!(before, [vec![], vec![caller, agent]]);
}

#[test]
fn an_hour_of_talk_is_replayed() {
    let mut call = Played::new("CA6", policy(500), Script::default());
    for turn in 0..360 {
        let from = 1_000 + turn * 10_000;
        call = call.says(from, from + 2_000, &format!("This is what I say as number {turn}."));
    }
    let journal = call.until(3_601_000);
    let begun = std::time::Instant::now();
    let verdict = replayed(&journal).unwrap();
    let took = begun.elapsed();
    // Printed and not judged: a test's machine may be busy.
    assert!(verdict.exact && verdict.lasted_ms >= 3_590_000, "{verdict:#?}");
    println!(
        "{} lines, {} kB in {took:?}",
        verdict.events + verdict.actions + 1,
        journal.len() / 1_024
    );
}
