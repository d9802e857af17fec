//! What a document says and asks on a leg: `<Say>`, `<Play>`, `<Gather>`.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Url};
use tokio::sync::mpsc;
use tokio::time::sleep;
use twiml::Form;

use super::super::clock::Tick;
use super::super::ear::SILENCE;
use super::super::flow::{After, Flow, Leave};
use super::super::markup::{Gather, Heard, Link, Verb};
use super::super::note::Note;
use super::super::scenario::Step;
use super::super::socket::shown;
use super::sounds;

/// Keys that wait to be read.
const MOST_KEYS: usize = 128;

/// What came of asking.
struct Asked {
    keys: String,
    finished_on: Option<char>,
}

impl Flow<'_> {
    /// Carries out a verb that a call without an exchange passes over. What it leads to; nothing if
    /// the next verb follows.
    pub(in super::super) async fn on_telephone(&mut self, base: &Url, verb: Verb) -> Option<After> {
        match verb {
            Verb::Hear(heard) => self.hear(base, &heard).await.err().map(After::from),
            Verb::Gather(gather) => match self.ask(base, &gather).await {
                Err(leave) => Some(leave.into()),
                Ok(asked) => self.tell_asked(base, &gather, asked),
            },
            Verb::Dial(dial) => self.dial(base, &dial).await,
            other => {
                self.line.warn(format!("{} is not carried out here", other.name()));
                None
            }
        }
    }

    /// Says or plays something to its end.
    async fn hear(&mut self, base: &Url, heard: &Heard) -> Result<(), Leave> {
        let times = match heard {
            Heard::Said { times, .. } | Heard::Played { times, .. } => *times,
            Heard::Keys(_) | Heard::Pause(_) => 1,
        };
        let sound = self.sound(base, heard).await?;
        let length = Tick(sound.len() as u64).duration();
        for _ in 0..times {
            if !matches!(heard, Heard::Pause(_)) {
                self.line.hear(&sound);
            }
            self.wait_for(sleep(length)).await?;
        }
        Ok(())
    }

    /// What something sounds like. Noted as heard.
    async fn sound(&mut self, base: &Url, heard: &Heard) -> Result<Vec<u8>, Leave> {
        Ok(match heard {
            Heard::Said { text, .. } => {
                self.line.note(Note::Said { text: text.clone() });
                let pace = self.plug.as_ref().map(|plug| plug.exchange.settings.say_per_character);
                sounds::said(text, pace.unwrap_or_default())
            }
            Heard::Keys(keys) => {
                self.line.note(Note::Dialled);
                let keys: String =
                    keys.chars().filter(|key| !key.eq_ignore_ascii_case(&'w')).collect();
                media::tone::dtmf(&keys, 80, 80).unwrap_or_default()
            }
            Heard::Pause(seconds) => {
                let samples = Tick::from_duration(Duration::from_secs(*seconds)).0;
                vec![SILENCE; usize::try_from(samples).unwrap_or(0)]
            }
            Heard::Played { url, .. } => {
                let Ok(url) = base.join(url) else {
                    self.line.violation(None, 11100, "the URL of <Play> is none".to_owned());
                    return Ok(Vec::new());
                };
                self.line.note(Note::Played { url: shown(&url) });
                let web = Arc::clone(&self.web);
                let file = {
                    let form = Form::default();
                    let work = async move { web.file(&Method::GET, &url, &form).await };
                    self.wait_for(work).await?
                };
                let sound = match file {
                    Ok((kind, bytes)) => sounds::file(&kind, &bytes).map_err(|why| (12300, why)),
                    Err(error) => Err((error.code, error.why)),
                };
                sound.unwrap_or_else(|(code, why)| {
                    self.line.violation(None, code, format!("<Play>: {why}"));
                    Vec::new()
                })
            }
        })
    }

    /// Asks for keys. Those that come while something is said end that.
    async fn ask(&mut self, base: &Url, gather: &Gather) -> Result<Asked, Leave> {
        let (pressed, mut keys) = mpsc::channel(MOST_KEYS);
        self.line.pressed = gather.keys.then_some(pressed);
        if let Some((after, answer)) =
            self.plug.as_ref().and_then(|plug| plug.leg.keys_when_asked())
        {
            self.line.then(vec![Step::Wait(after), Step::Press(answer)]);
        }
        let asked = self.listen(base, gather, &mut keys).await;
        self.line.pressed = None;
        asked
    }

    async fn listen(
        &mut self,
        base: &Url,
        gather: &Gather,
        keys: &mut mpsc::Receiver<char>,
    ) -> Result<Asked, Leave> {
        let mut asked = Asked { keys: String::new(), finished_on: None };
        let mut first = None;
        'prompts: for prompt in &gather.prompts {
            let times = match prompt {
                Heard::Said { times, .. } | Heard::Played { times, .. } => *times,
                Heard::Keys(_) | Heard::Pause(_) => 1,
            };
            let sound = self.sound(base, prompt).await?;
            let length = Tick(sound.len() as u64).duration();
            for _ in 0..times {
                self.line.hear(&sound);
                first = self.wait_for(key_within(keys, length)).await?;
                if first.is_some() {
                    self.line.hush();
                    break 'prompts;
                }
            }
        }
        let patience = Duration::from_secs(gather.timeout);
        loop {
            let key = match first.take() {
                Some(key) => Some(key),
                None => self.wait_for(key_within(keys, patience)).await?,
            };
            let Some(key) = key else { return Ok(asked) };
            if gather.finish_on == Some(key) {
                asked.finished_on = Some(key);
                return Ok(asked);
            }
            asked.keys.push(key);
            if gather.most_keys.is_some_and(|most| asked.keys.len() >= most) {
                return Ok(asked);
            }
        }
    }

    /// Where the answer goes.
    fn tell_asked(&mut self, base: &Url, gather: &Gather, asked: Asked) -> Option<After> {
        let silent = asked.keys.is_empty() && asked.finished_on.is_none();
        if silent && !gather.even_if_silent {
            return None;
        }
        self.line.note(Note::Gathered { keys: asked.keys.len() });
        if !silent {
            self.without_stream = 0;
        }
        let mut extra = vec![("Digits", asked.keys)];
        if let Some(key) = asked.finished_on {
            extra.push(("FinishedOnKey", key.to_string()));
        }
        let link = match &gather.action {
            Some(link) => link.clone(),
            None => Link { url: base.to_string(), method: Method::POST },
        };
        Some(After::Fetch { purpose: "action", link, base: base.clone(), extra })
    }
}

/// The next key, if it comes within this time.
async fn key_within(keys: &mut mpsc::Receiver<char>, within: Duration) -> Option<char> {
    let late = sleep(within);
    tokio::pin!(late);
    tokio::select! {
        biased;
        Some(key) = keys.recv() => Some(key),
        () = late => None,
    }
}
