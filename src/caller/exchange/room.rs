//! Where legs hear each other: conferences, and the bridge of a dial.
//!
//! Each member's frames go to the others' seats as they are said, and are mixed there when that leg's
//! own frame is due; up to 2 s wait, older audio is dropped. A room begins when two are in it, one
//! of whom starts it; until then they hear music. All in memory under one lock, with no task of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media::g711;
use tokio::sync::watch;

use super::super::clock::{FRAME, PER_MS};
use super::super::ear::SILENCE;
use super::super::markup::Conference;
use super::super::mouth::Frame;
use super::events::{Event, Events};
use super::sounds;

/// A voice begins to be heard when so much of it is there, so that two clocks that drift do not tear
/// it: 40 ms.
const AHEAD: usize = 2 * FRAME as usize;
/// What waits beyond this is dropped, the oldest first: 2 s, as long as a busy machine may stall a leg.
const MOST_BEHIND: usize = 100 * FRAME as usize;
/// Announcements and beeps that wait: ten minutes.
const MOST_SPECIAL: usize = 10 * 60 * 1_000 * PER_MS as usize;

/// How a seat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seated {
    /// The room has not begun.
    Waiting,
    /// Hears and is heard.
    In,
    /// Hears music.
    Held,
    /// Has left, and why.
    Out(&'static str),
}

/// Why a call does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSeat {
    /// Another has the label.
    #[error("16025: another participant of the room has this label")]
    Label,
    /// No participant is the call to be coached.
    #[error("13240: the call to be coached is not in the room")]
    Coach,
    /// The room is full.
    #[error("the room is full")]
    Full,
    /// The room has ended.
    #[error("the room has ended")]
    Over,
}

/// A member as REST shows it.
#[derive(Clone, Debug)]
pub struct Member {
    pub call_sid: String,
    pub label: Option<String>,
    pub muted: bool,
    pub hold: bool,
    /// Who alone hears it.
    pub coach: Option<String>,
    pub start_on_enter: bool,
    pub end_on_exit: bool,
    /// Its own sound takes the place of music.
    own_music: bool,
    beep_on_exit: bool,
}

struct Place {
    member: Member,
    state: watch::Sender<Seated>,
    /// What others say, by who says it.
    inbox: BTreeMap<String, Voice>,
    /// Beeps and announcements, for this one alone.
    special: VecDeque<u8>,
    music: usize,
}

#[derive(Default)]
struct Voice {
    bytes: VecDeque<u8>,
    flows: bool,
}

/// A conference, or the bridge of a dial.
pub struct Room {
    /// `CF…`.
    pub sid: String,
    /// None is a bridge.
    pub name: Option<String>,
    inner: Mutex<Inner>,
}

struct Inner {
    places: Vec<Place>,
    begun: bool,
    /// Why it ended, and who ended it.
    over: Option<(&'static str, Option<String>)>,
    most: usize,
    events: Events,
}

impl Room {
    pub fn conference(sid: String, name: String, most: usize, events: Events) -> Arc<Self> {
        Self::new(sid, Some(name), most, false, events)
    }

    /// Two legs that hear each other at once.
    pub fn bridge(sid: String) -> Arc<Self> {
        Self::new(sid, None, 2, true, Events::none())
    }

    fn new(
        sid: String,
        name: Option<String>,
        most: usize,
        begun: bool,
        events: Events,
    ) -> Arc<Self> {
        let inner = Inner { places: Vec::new(), begun, over: None, most, events };
        Arc::new(Room { sid, name, inner: Mutex::new(inner) })
    }

    /// `init`, `in-progress` or `completed`.
    pub fn status(&self) -> &'static str {
        let inner = self.inner();
        match (&inner.over, inner.begun) {
            (Some(_), _) => "completed",
            (None, true) => "in-progress",
            (None, false) => "init",
        }
    }

    /// Why it ended, and who ended it.
    pub fn over(&self) -> Option<(&'static str, Option<String>)> {
        self.inner().over.clone()
    }

    pub fn members(&self) -> Vec<Member> {
        self.inner().places.iter().map(|place| place.member.clone()).collect()
    }

    /// A seat for this call.
    pub fn join(self: &Arc<Self>, call_sid: &str, as_told: &Conference) -> Result<Seat, NoSeat> {
        let mut inner = self.inner();
        if inner.over.is_some() {
            return Err(NoSeat::Over);
        }
        if inner.places.len() >= inner.most {
            return Err(NoSeat::Full);
        }
        let taken = |place: &Place| as_told.label.is_some() && place.member.label == as_told.label;
        if inner.places.iter().any(taken) {
            return Err(NoSeat::Label);
        }
        let there = |sid: &String| inner.places.iter().any(|place| place.member.call_sid == *sid);
        if !as_told.coach.as_ref().is_none_or(there) {
            return Err(NoSeat::Coach);
        }
        let member = Member {
            call_sid: call_sid.to_owned(),
            label: as_told.label.clone(),
            muted: as_told.muted,
            hold: false,
            coach: as_told.coach.clone(),
            start_on_enter: as_told.start_on_enter,
            end_on_exit: as_told.end_on_exit,
            own_music: as_told.wait.is_some(),
            beep_on_exit: as_told.beep_on_exit && self.name.is_some(),
        };
        let (state, seen) = watch::channel(if inner.begun { Seated::In } else { Seated::Waiting });
        let (inbox, special) = (BTreeMap::new(), VecDeque::new());
        let told = member.clone();
        inner.places.push(Place { member, state, inbox, special, music: 0 });
        inner.events.tell(Event::Join, Some(&told));
        let may = inner.places.iter().any(|place| place.member.start_on_enter);
        if !inner.begun && may && inner.places.len() >= 2 {
            inner.begun = true;
            for place in &mut inner.places {
                // What was heard while waiting is over.
                place.special.clear();
                place.state.send_replace(Seated::In);
            }
            inner.events.tell(Event::Start, None);
        }
        if as_told.beep_on_enter && self.name.is_some() {
            inner.beep();
        }
        Ok(Seat { room: Arc::clone(self), call_sid: call_sid.to_owned(), state: seen })
    }

    /// A member leaves; `why` is the carrier's word. False if it was not there.
    pub fn leave(&self, call_sid: &str, why: &'static str, status: &str) -> bool {
        self.inner().leave(call_sid, why, status)
    }

    /// Ends the room for all.
    pub fn end(&self, why: &'static str) {
        let mut inner = self.inner();
        if inner.over.is_none() {
            inner.finish(why, None, "conference_ended_via_api");
        }
    }

    /// Changes a member. None if there is no such.
    pub fn change(
        &self,
        who: &str,
        event: impl Fn(&Member) -> Event,
        how: impl FnOnce(&mut Member),
    ) -> Option<Member> {
        let mut inner = self.inner();
        let place = inner.place(who)?;
        how(&mut place.member);
        let (member, out) = (place.member.clone(), *place.state.borrow());
        let state = if member.hold { Seated::Held } else { Seated::In };
        if matches!(out, Seated::In | Seated::Held) && out != state {
            place.inbox.clear();
            place.special.clear();
            place.state.send_replace(state);
        }
        let event = event(&member);
        inner.events.tell(event, Some(&member));
        Some(member)
    }

    /// Plays this to one member, or to all.
    pub fn play(&self, who: Option<&str>, mulaw: &[u8]) {
        let mut inner = self.inner();
        for place in &mut inner.places {
            let to = who.is_none_or(|who| place.is(who));
            if to && place.special.len() + mulaw.len() <= MOST_SPECIAL {
                place.special.extend(mulaw);
            }
        }
    }

    /// The announcement has been heard, or could not be.
    pub fn announced(&self, url: &str, failed: Option<String>) {
        self.inner().events.announced(url, failed);
    }

    /// Holds with its own sound in place of music.
    pub fn own_music(&self, who: &str, own: bool) {
        if let Some(place) = self.inner().place(who) {
            place.member.own_music = own;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// By call or by label.
    fn is(&self, who: &str) -> bool {
        self.member.call_sid == who || self.member.label.as_deref() == Some(who)
    }
}

impl Inner {
    fn place(&mut self, who: &str) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.is(who))
    }

    fn beep(&mut self) {
        let beep = sounds::beep();
        for place in &mut self.places {
            if place.special.len() + beep.len() <= MOST_SPECIAL {
                place.special.extend(&beep);
            }
        }
    }

    fn leave(&mut self, call_sid: &str, why: &'static str, status: &str) -> bool {
        let Some(at) = self.places.iter().position(|place| place.is(call_sid)) else {
            return false;
        };
        let place = self.places.remove(at);
        place.state.send_replace(Seated::Out(why));
        for other in &mut self.places {
            other.inbox.remove(&place.member.call_sid);
        }
        self.events.left(&place.member, why, status);
        if self.over.is_some() {
            return true;
        }
        let kicked = why == "participant_updated_via_api";
        let by = Some(place.member.clone());
        if place.member.end_on_exit {
            let why = if kicked {
                "participant-with-end-conference-on-exit-kicked"
            } else {
                "participant-with-end-conference-on-exit-left"
            };
            self.finish(why, by, "moderator_ended_conference");
        } else if self.places.is_empty() {
            let why = if kicked { "last-participant-kicked" } else { "last-participant-left" };
            self.finish(why, by, "moderator_ended_conference");
        } else if place.member.beep_on_exit {
            self.beep();
        }
        true
    }

    fn finish(&mut self, why: &'static str, by: Option<Member>, others: &'static str) {
        self.over = Some((why, by.as_ref().map(|member| member.call_sid.clone())));
        let left: Vec<String> =
            self.places.iter().map(|place| place.member.call_sid.clone()).collect();
        for call_sid in left {
            self.leave(&call_sid, others, "in-progress");
        }
        self.events.ended(why, by.as_ref());
    }
}

/// A leg's place in a room. Dropping it does not leave: see [`Room::leave`].
#[derive(Clone)]
pub struct Seat {
    pub room: Arc<Room>,
    call_sid: String,
    state: watch::Receiver<Seated>,
}

impl Seat {
    /// This leg said this.
    pub fn speak(&self, frame: &Frame) {
        let mut inner = self.room.inner();
        if !inner.begun {
            return;
        }
        let Some(me) = inner.place(&self.call_sid).map(|place| place.member.clone()) else {
            return;
        };
        if me.muted || me.hold {
            return;
        }
        for place in &mut inner.places {
            let own = place.member.call_sid == me.call_sid;
            let hears = me.coach.as_ref().is_none_or(|only| *only == place.member.call_sid);
            if own || !hears || place.member.hold {
                continue;
            }
            let voice = place.inbox.entry(me.call_sid.clone()).or_default();
            voice.bytes.extend(frame);
            let over = voice.bytes.len().saturating_sub(MOST_BEHIND);
            voice.bytes.drain(..over);
        }
    }

    /// What this leg hears in its next frame; nothing if that is silence.
    pub fn listen(&self) -> Option<Frame> {
        const SAMPLES: usize = FRAME as usize;
        let mut inner = self.room.inner();
        let is_bridge = self.room.name.is_none();
        let place = inner.place(&self.call_sid)?;
        let mut mix = [0_i32; SAMPLES];
        let mut any = false;
        let mut add = |bytes: &[u8]| {
            any = true;
            for (sum, byte) in mix.iter_mut().zip(bytes) {
                *sum += i32::from(g711::decode(*byte));
            }
        };
        if !place.special.is_empty() {
            let take = place.special.len().min(SAMPLES);
            add(&place.special.drain(..take).collect::<Vec<u8>>());
        }
        let state = *place.state.borrow();
        if matches!(state, Seated::Waiting | Seated::Held) && !place.member.own_music && !is_bridge
        {
            let from = place.music;
            place.music += SAMPLES;
            add(&sounds::music(from, SAMPLES));
        }
        for voice in place.inbox.values_mut() {
            voice.flows = voice.bytes.len() >= if voice.flows { SAMPLES } else { AHEAD };
            if voice.flows {
                add(&voice.bytes.drain(..SAMPLES).collect::<Vec<u8>>());
            }
        }
        let mut frame = [SILENCE; SAMPLES];
        for (byte, sum) in frame.iter_mut().zip(mix) {
            let sum = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX));
            *byte = g711::encode(i16::try_from(sum).unwrap_or_default());
        }
        any.then_some(frame)
    }

    /// How it stands.
    pub fn stands(&self) -> Seated {
        *self.state.borrow()
    }

    /// Waits for the room to begin, or for the end of the seat.
    pub async fn begun(&mut self) -> Seated {
        let state = self.state.wait_for(|state| *state != Seated::Waiting).await;
        state.map_or(Seated::Out("moderator_ended_conference"), |state| *state)
    }

    /// Waits for the end of the seat; why.
    pub async fn over(&mut self) -> &'static str {
        let state = self.state.wait_for(|state| matches!(state, Seated::Out(_))).await;
        match state.as_deref() {
            Ok(Seated::Out(why)) => why,
            _ => "moderator_ended_conference",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOUD: Frame = [0xA0; FRAME as usize];

    fn room() -> Arc<Room> {
        Room::conference("CF1".to_owned(), "room".to_owned(), 250, Events::none())
    }

    fn plain() -> Conference {
        let mut conference = Conference::named("room");
        (conference.beep_on_enter, conference.beep_on_exit) = (false, false);
        conference
    }

    /// Everybody says one frame, then everybody hears one.
    fn turn(seats: &[(&Seat, &Frame)], rounds: usize) -> Vec<Option<u8>> {
        let mut heard = Vec::new();
        for _ in 0..rounds {
            seats.iter().for_each(|(seat, frame)| seat.speak(frame));
            heard = seats.iter().map(|(seat, _)| seat.listen().map(|frame| frame[80])).collect();
        }
        heard
    }

    const QUIET: Frame = [SILENCE; FRAME as usize];

    #[test]
    fn two_hear_each_other_and_neither_themselves() {
        let room = room();
        let a = room.join("CAa", &plain()).unwrap();
        assert_eq!((room.status(), a.stands()), ("init", Seated::Waiting));
        assert!(a.listen().is_some_and(|frame| frame != QUIET), "music");
        let b = room.join("CAb", &plain()).unwrap();
        assert_eq!((room.status(), a.stands()), ("in-progress", Seated::In));
        let heard = turn(&[(&a, &LOUD), (&b, &QUIET)], 2);
        assert_eq!(heard, [Some(SILENCE), Some(0xA0)]);
    }

    #[test]
    fn the_muted_are_not_heard_the_held_hear_music_and_coaches_speak_to_one() {
        let room = room();
        let a = room.join("CAa", &plain()).unwrap();
        let b = room.join("CAb", &plain()).unwrap();
        let mut coach = plain();
        coach.coach = Some("CAb".to_owned());
        let c = room.join("CAc", &coach).unwrap();
        let heard = turn(&[(&a, &QUIET), (&b, &QUIET), (&c, &LOUD)], 2);
        assert_eq!(heard[..2], [Some(SILENCE), Some(0xA0)]);
        room.change("CAc", |_| Event::Mute, |member| member.muted = true).unwrap();
        let heard = turn(&[(&a, &QUIET), (&b, &QUIET), (&c, &LOUD)], 3);
        assert_eq!(heard[1], Some(SILENCE));
        room.change("CAb", |_| Event::Hold, |member| member.hold = true).unwrap();
        assert_eq!(b.stands(), Seated::Held);
        let heard = turn(&[(&a, &LOUD), (&b, &LOUD)], 3);
        assert_ne!(heard[1], Some(0xA0));
        assert_eq!(heard[0], None);
        let mut wrong = plain();
        wrong.coach = Some("CAx".to_owned());
        assert_eq!(room.join("CAd", &wrong).err(), Some(NoSeat::Coach));
    }

    #[test]
    fn who_may_not_start_waits_and_who_ends_it_ends_it_for_all() {
        let room = room();
        let mut waits = plain();
        (waits.start_on_enter, waits.label) = (false, Some("x".to_owned()));
        let a = room.join("CAa", &waits).unwrap();
        assert_eq!(room.join("CAz", &waits).err(), Some(NoSeat::Label));
        waits.label = None;
        let b = room.join("CAb", &waits).unwrap();
        assert_eq!(b.stands(), Seated::Waiting);
        let mut ends = plain();
        ends.end_on_exit = true;
        let c = room.join("CAc", &ends).unwrap();
        assert_eq!(a.stands(), Seated::In);
        assert!(room.leave("CAc", "participant_hung_up", "completed"));
        assert_eq!(a.stands(), Seated::Out("moderator_ended_conference"));
        assert_eq!(c.stands(), Seated::Out("participant_hung_up"));
        let by = Some("CAc".to_owned());
        assert_eq!(room.over(), Some(("participant-with-end-conference-on-exit-left", by)));
        assert_eq!(room.join("CAd", &plain()).err(), Some(NoSeat::Over));
    }

    #[test]
    fn a_voice_that_is_not_taken_is_not_kept() {
        let room = room();
        let a = room.join("CAa", &plain()).unwrap();
        let b = room.join("CAb", &plain()).unwrap();
        (0..1_000).for_each(|_| a.speak(&LOUD));
        let heard = std::iter::from_fn(|| b.listen()).take(1_000).count();
        assert_eq!(heard, 100);
    }
}
