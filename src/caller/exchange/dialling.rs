//! `<Dial>`: others are called and bridged, or a conference is joined.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::{Method, Url};
use tokio::sync::mpsc;
use tokio::time::sleep;
use twiml::Form;

use super::super::clock::Tick;
use super::super::ear::SILENCE;
use super::super::flow::{After, Extra, Flow, Leave};
use super::super::markup::{self, Conference, Dial, Heard, Noun, Party, Verb};
use super::super::note::Note;
use super::super::sid;
use super::super::telling::Detection;
use super::super::web::Web;
use super::lifecycle::Parted;
use super::room::{NoSeat, Room, Seat};
use super::{Control, Order, Plug, Purpose, Record, sounds};

/// Documents in a row without a sound, of what is heard while waiting.
const MOST_WAIT_DOCUMENTS: usize = 10;

impl Flow<'_> {
    pub(super) async fn dial(&mut self, base: &Url, dial: &Dial) -> Option<After> {
        let (pressed, mut keys) = mpsc::channel(16);
        self.line.pressed = dial.hangup_on_star.then_some(pressed);
        let time_limit = Duration::from_secs(dial.time_limit);
        let enough = async {
            let star = async {
                while let Some(key) = keys.recv().await {
                    if key == '*' {
                        return;
                    }
                }
                std::future::pending().await
            };
            tokio::select! {
                () = sleep(time_limit) => {}
                () = star => {}
            }
        };
        let result = match &dial.noun {
            Noun::Parties(parties) => self.call_parties(base, dial, parties, enough).await,
            Noun::Conference(conference) => {
                match self.confer(conference, Some(base), enough).await {
                    Ok(Parted::Out) => Ok(Some(vec![("DialCallStatus", "answered".to_owned())])),
                    Ok(Parted::Left(leave)) => Err(leave),
                    // A wrong label leads to the next verb, all else to the action.
                    Err(NoSeat::Label) => Ok(None),
                    Err(_) => Ok(Some(vec![("DialCallStatus", "failed".to_owned())])),
                }
            }
        };
        self.line.pressed = None;
        self.without_stream = 0;
        match (result, &dial.action) {
            (Err(leave), _) => Some(leave.into()),
            (Ok(Some(extra)), Some(link)) => {
                let (purpose, link, base) = ("action", link.clone(), base.clone());
                Some(After::Fetch { purpose, link, base, extra })
            }
            (Ok(_), _) => None,
        }
    }

    /// Calls these, and talks with the first who answers.
    async fn call_parties(
        &mut self,
        base: &Url,
        dial: &Dial,
        parties: &[Party],
        enough: impl Future<Output = ()>,
    ) -> Result<Option<Extra>, Leave> {
        let Some(plug) = self.plug.clone() else { return Ok(None) };
        let at_once = if dial.sequential { 1 } else { parties.len().max(1) };
        let (mut last, mut answered) = ("failed", None);
        for group in parties.chunks(at_once) {
            let called = |party: &Party| {
                let room = Room::bridge(sid("CF"));
                let leg = self.call_party(&plug, base, dial, party, &room)?;
                Some((leg, room))
            };
            let legs: Vec<_> = group.iter().filter_map(called).collect();
            let first = self.wait_for(first_to_answer(&legs)).await;
            let first = match first {
                Ok(first) => first,
                Err(leave) => {
                    give_up(&legs, None);
                    return Err(leave);
                }
            };
            match first {
                Some(at) => {
                    give_up(&legs, Some(at));
                    answered = Some(legs[at].clone());
                    break;
                }
                None => last = legs.last().map_or("failed", |(leg, _)| leg.status()),
            }
        }
        let Some((leg, room)) = answered else {
            return Ok(Some(vec![
                ("DialCallStatus", last.to_owned()),
                ("DialBridged", "false".to_owned()),
            ]));
        };
        // The whisper is heard; then it is there, or has hung up.
        let there = leg.until(|leg| leg.is_ready() || leg.is_over());
        if let Err(leave) = self.wait_for(there).await {
            leg.order(Control::End);
            return Err(leave);
        }
        let mut bridged = false;
        if leg.is_ready() && !leg.is_over() {
            let mut member = Conference::named("bridge");
            member.end_on_exit = true;
            if let Ok(seat) = room.join(&plug.leg.sid, &member) {
                bridged = true;
                let callee_left = leave_with(&leg, &room, &plug.leg.sid);
                let enough = async {
                    tokio::select! {
                        () = enough => {}
                        () = callee_left => {}
                    }
                };
                let waiting = std::future::pending();
                match self.sit(seat, leg.sid.clone(), waiting, enough).await {
                    Parted::Out => {}
                    Parted::Left(leave) => {
                        leg.order(Control::End);
                        return Err(leave);
                    }
                }
            }
        }
        if !leg.is_over() && leg.is_ready() {
            // The star key, or the time is over: a callee who was taken elsewhere stays there.
            let _ = self.wait_for(leg.until(|leg| leg.is_over() || !leg.is_ready())).await;
        }
        let mut extra = vec![
            ("DialCallStatus", "completed".to_owned()),
            ("DialCallSid", leg.sid.clone()),
            ("DialBridged", bridged.to_string()),
        ];
        // A callee who was taken elsewhere talks on.
        if let Some(seconds) = leg.seconds() {
            extra.push(("DialCallDuration", seconds.to_string()));
        }
        Ok(Some(extra))
    }

    fn call_party(
        &self,
        plug: &Plug,
        base: &Url,
        dial: &Dial,
        party: &Party,
        room: &Arc<Room>,
    ) -> Option<Arc<Record>> {
        let exchange = &plug.exchange;
        let whisper = party.whisper.clone().map(|link| (link, base.clone()));
        let told = party.told.as_ref().and_then(|told| {
            let url = base.join(&told.link.url).ok()?;
            Some((url, told.link.method.clone(), told.events.clone()))
        });
        // The caller's number is the one that is shown, whoever called whom.
        let own = if self.call.outbound { &self.call.to } else { &self.call.from };
        exchange.place(Order {
            from: dial.caller_id.clone().unwrap_or_else(|| own.clone()),
            to: party.address.clone(),
            parent: Some(plug.leg.sid.clone()),
            outbound: true,
            purpose: Purpose::Bridge { whisper, room: Arc::clone(room) },
            phone: exchange.phone_at(&party.address),
            statuses: exchange.statuses(told),
            detection: Detection::Off,
            rings_for: Duration::from_secs(dial.timeout),
            at_most: Duration::from_secs(dial.time_limit),
            send_digits: party.send_digits.is_some(),
            tape: None,
        })
    }

    /// Joins a conference and stays there. `base` is the document's address, if there is one.
    pub(super) async fn confer(
        &mut self,
        conference: &Conference,
        base: Option<&Url>,
        enough: impl Future<Output = ()>,
    ) -> Result<Parted, NoSeat> {
        let Some(plug) = self.plug.clone() else { return Err(NoSeat::Over) };
        let resolve = |link: &markup::Link| {
            let url = match base {
                Some(base) => base.join(&link.url),
                None => Url::parse(&link.url),
            };
            url.ok().map(|url| (url, link.method.clone()))
        };
        let told = conference.told.as_ref().and_then(|told| resolve(&told.link));
        let room = plug.exchange.room(conference, told).ok_or(NoSeat::Full)?;
        let seat = room.join(&plug.leg.sid, conference).inspect_err(|why| {
            let code = match why {
                NoSeat::Label => 16025,
                NoSeat::Coach => 13240,
                NoSeat::Full | NoSeat::Over => 13200,
            };
            self.line.violation(None, code, why.to_string());
        })?;
        let wait = conference.wait.as_ref().filter(|link| !link.url.is_empty());
        let wait = wait.and_then(resolve);
        let form = self.form(false).with("ConferenceSid", room.sid.as_str());
        let (web, mine) = (Arc::clone(&self.web), seat.clone());
        let waiting = async move {
            if let Some((url, method)) = wait {
                wait_sound(&plug, &web, &mine, (url, method), &form).await;
            }
        };
        let with = room.sid.clone();
        Ok(self.sit(seat, with, waiting, enough).await)
    }
}

/// The first of these legs that answers; nothing if none does.
async fn first_to_answer(legs: &[(Arc<Record>, Arc<Room>)]) -> Option<usize> {
    let outcomes = legs.iter().enumerate().map(|(at, (leg, _))| async move {
        leg.until(|leg| leg.is_answered() || leg.is_over()).await;
        leg.is_answered().then_some(at)
    });
    let mut outcomes: FuturesUnordered<_> = outcomes.collect();
    while let Some(outcome) = outcomes.next().await {
        if outcome.is_some() {
            return outcome;
        }
    }
    None
}

/// Takes back all calls but this one.
fn give_up(legs: &[(Arc<Record>, Arc<Room>)], but: Option<usize>) {
    for (at, (leg, _)) in legs.iter().enumerate() {
        if Some(at) != but {
            leg.order(if leg.is_answered() { Control::End } else { Control::Cancel });
        }
    }
}

/// Done when the other is in the bridge no more.
async fn leave_with(leg: &Arc<Record>, room: &Arc<Room>, me: &str) {
    leg.until(|leg| leg.is_over() || room.members().iter().all(|member| member.call_sid == me))
        .await;
}

/// What is heard until the room begins, again and again: a file, or a document's.
async fn wait_sound(
    plug: &Plug,
    web: &Web,
    seat: &Seat,
    (url, method): (Url, Method),
    form: &Form,
) {
    let (mut at, mut method, mut silent) = (url, method, 0);
    while silent < MOST_WAIT_DOCUMENTS {
        match sounds_at(plug, web, &at, &method, form).await {
            Ok((sound, next)) => {
                silent = if sound.is_empty() { silent + 1 } else { 0 };
                seat.room.play(Some(&plug.leg.sid), &sound);
                sleep(Tick(sound.len() as u64).duration().max(Duration::from_millis(100))).await;
                (at, method) = next.unwrap_or((at, method));
            }
            Err(why) => {
                tracing::warn!(why, "what is heard while waiting for a room failed");
                return;
            }
        }
    }
}

/// What is to be heard at an address, and where it goes on.
///
/// # Errors
/// In words: it cannot be had, or is not for hearing.
pub(super) async fn sounds_at(
    plug: &Plug,
    web: &Web,
    url: &Url,
    method: &Method,
    form: &Form,
) -> Result<(Vec<u8>, Option<(Url, Method)>), String> {
    let per_character = plug.exchange.settings.say_per_character;
    let (kind, bytes) = web.file(method, url, form).await.map_err(|error| error.why)?;
    if kind.starts_with("audio/") {
        return Ok((sounds::file(&kind, &bytes)?, None));
    }
    let verbs = markup::parse(String::from_utf8_lossy(&bytes).trim());
    let (mut sound, mut next) = (Vec::new(), None);
    for verb in verbs.map_err(|bad| bad.to_string())? {
        match verb {
            Verb::Hear(Heard::Said { text, .. }) => {
                sound.extend(sounds::said(&text, per_character));
                let at = plug.leg.began().elapsed();
                plug.leg.note(Tick::from_duration(at), Note::Said { text });
            }
            Verb::Hear(Heard::Played { url: file, .. }) => {
                let url = url.join(&file).map_err(|error| error.to_string())?;
                let (kind, bytes) =
                    web.file(&Method::GET, &url, form).await.map_err(|error| error.why)?;
                sound.extend(sounds::file(&kind, &bytes)?);
            }
            Verb::Pause { seconds } => {
                let samples = Tick::from_duration(Duration::from_secs(seconds.min(60))).0;
                sound.resize(sound.len() + usize::try_from(samples).unwrap_or(0), SILENCE);
            }
            Verb::Redirect(link) => {
                let url = url.join(&link.url).map_err(|error| error.to_string())?;
                next = Some((url, link.method));
                break;
            }
            other => return Err(format!("<{}> is not heard while waiting", other.name())),
        }
    }
    Ok((sound, next))
}
