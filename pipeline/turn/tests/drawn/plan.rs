//! A call as a list of what happens in it: it can be played, and made smaller.

use std::{
    fmt::Write as _,
    panic::{self, AssertUnwindSafe},
};

use turn::{Command, Event};

use super::draw::LEFT_ALONE;
use crate::sim::{Setup, Sim, caller, vendors::Part};

/// One thing that happens, at so many ms.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Says(u64, String),
    Coughs(u64, u64),
    Presses(u64, String),
    Orders(u64, String, Command),
    Happens(u64, Event),
}

impl Step {
    fn at(&self) -> u64 {
        match self {
            Step::Says(at, _)
            | Step::Coughs(at, _)
            | Step::Presses(at, _)
            | Step::Orders(at, ..)
            | Step::Happens(at, _) => *at,
        }
    }
}

/// A whole call.
#[derive(Clone, Debug)]
pub struct Plan {
    pub setup: Setup,
    pub chosen: Vec<Vec<Part>>,
    pub spare: Vec<Vec<Part>>,
    pub tools: Vec<Option<(u64, String)>>,
    pub steps: Vec<Step>,
}

impl Plan {
    pub fn new(setup: Setup) -> Self {
        let (chosen, spare, tools, steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Plan { setup, chosen, spare, tools, steps }
    }

    /// The caller says this; answers when they have said it.
    pub fn says(&mut self, at: u64, text: &str) -> u64 {
        self.steps.push(Step::Says(at, text.to_owned()));
        at + caller::takes(text)
    }

    pub fn coughs(&mut self, at: u64, lasting: u64) {
        self.steps.push(Step::Coughs(at, lasting));
    }

    pub fn presses(&mut self, at: u64, keys: &str) {
        self.steps.push(Step::Presses(at, keys.to_owned()));
    }

    pub fn orders(&mut self, at: u64, id: &str, command: Command) {
        self.steps.push(Step::Orders(at, id.to_owned(), command));
    }

    pub fn happens(&mut self, at: u64, event: Event) {
        self.steps.push(Step::Happens(at, event));
    }

    /// Plays it to its end; panics where a law is broken.
    pub fn play(&self) -> Sim {
        let mut sim = Sim::new(self.setup.clone());
        sim.model.chosen.extend(self.chosen.iter().cloned());
        sim.model.spare.extend(self.spare.iter().cloned());
        sim.tools.answers.extend(self.tools.iter().cloned());
        // The recogniser hears things in the order in which they sound.
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by_key(|step| step.at());
        for step in steps {
            match step {
                Step::Says(at, text) => {
                    sim.says(*at, text);
                }
                Step::Coughs(at, lasting) => sim.coughs(*at, *lasting),
                Step::Presses(at, keys) => sim.presses(*at, keys),
                Step::Orders(at, id, command) => sim.orders(*at, id, command.clone()),
                Step::Happens(at, event @ Event::Heard { .. }) => sim.settles(*at, event.clone()),
                Step::Happens(at, event) => sim.at(*at, event.clone()),
            }
        }
        sim.run_to_end(LEFT_ALONE);
        sim
    }

    /// Which law it breaks, if any: the message of the panic.
    pub fn broken(&self) -> Option<String> {
        let played = panic::catch_unwind(AssertUnwindSafe(|| self.play().judge_whole()));
        let payload = played.err()?;
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Some(text.unwrap_or_else(|| "a panic without words".to_owned()))
    }

    /// As the source of a scenario.
    pub fn as_scenario(&self, name: &str) -> String {
        let mut code = format!("#[test]\nfn {name}() {{\n    let mut setup = Setup::default();\n");
        let setup = &self.setup;
        let _ = writeln!(code, "    setup.policy = {};", in_json(&setup.policy));
        let _ = writeln!(code, "    setup.script = {};", in_json(&setup.script));
        let _ = writeln!(code, "    setup.line = {:?};", setup.line);
        let _ = writeln!(code, "    setup.voice = {:?};", setup.voice);
        let _ = writeln!(code, "    setup.hearing = {:?};", setup.hearing);
        let (leaks, doubled, seed) = (setup.leaks, setup.doubled, setup.seed);
        let _ = writeln!(
            code,
            "    (setup.leaks, setup.doubled, setup.seed) = ({leaks}, {doubled}, {seed});"
        );
        code.push_str("    let mut call = Sim::new(setup);\n");
        for parts in &self.chosen {
            let _ = writeln!(code, "    call.answers_with(vec!{});", parts_in_code(parts));
        }
        for parts in &self.spare {
            let parts = parts_in_code(parts);
            let _ = writeln!(code, "    call.model.spare.push_back(vec!{parts});");
        }
        for answer in &self.tools {
            let answer = match answer {
                Some((after, text)) => format!("Some(({after}, {text:?}.to_owned()))"),
                None => "None".to_owned(),
            };
            let _ = writeln!(code, "    call.tools.answers.push_back({answer});");
        }
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by_key(|step| step.at());
        for step in steps {
            let line = match step {
                Step::Happens(at, event @ Event::Heard { .. }) => {
                    format!("call.settles({at}, {})", in_json(event))
                }
                Step::Says(at, text) => format!("call.says({at}, {text:?})"),
                Step::Coughs(at, lasting) => format!("call.coughs({at}, {lasting})"),
                Step::Presses(at, keys) => format!("call.presses({at}, {keys:?})"),
                Step::Orders(at, id, command) => {
                    format!("call.orders({at}, {id:?}, {})", in_json(command))
                }
                Step::Happens(at, event) => format!("call.at({at}, {})", in_json(event)),
            };
            let _ = writeln!(code, "    {line};");
        }
        let _ = writeln!(code, "    call.run_to_end({LEFT_ALONE});\n    call.judge_whole();\n}}");
        code
    }
}

fn in_json(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).expect("all of a call can be written");
    format!("serde_json::from_str(r#\"{json}\"#).unwrap()")
}

fn parts_in_code(parts: &[Part]) -> String {
    let parts = parts.iter().map(|part| match part {
        Part::Wait(ms) => format!("Part::Wait({ms})"),
        Part::Text(text) => format!("Part::Text({text:?}.to_owned())"),
        Part::Tool { id, name, arguments } => {
            format!("tool_with({id:?}, {name:?}, serde_json::json!({arguments}))")
        }
        Part::Done => "Part::Done".to_owned(),
        Part::Fail => "Part::Fail".to_owned(),
    });
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}
