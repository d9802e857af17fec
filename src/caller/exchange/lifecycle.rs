//! A leg from its beginning to its end: it rings, somebody answers, what it is there for is done.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::super::Call;
use super::super::CallError;
use super::super::flow::{After, Flow, Leave};
use super::super::line::{Held, Line};
use super::super::markup::{Conference, Link};
use super::super::network::Weather;
use super::super::note::Note;
use super::super::outcome::EndReason;
use super::super::script::Script;
use super::super::telling::Detection;
use super::super::web::NoAnswer;
use super::phone::Pickup;
use super::room::{Room, Seat, Seated};
use super::{Control, Order, Plug, Purpose, Record, tape};

/// Runs one leg.
pub async fn live(plug: Plug, call: Call, order: Order, controls: mpsc::Receiver<Control>) {
    let steps = call.scenario.steps.clone();
    let weather = Weather::new(call.scenario.network.clone());
    let mut line = Line::new(Script::staying(steps), weather, call.scenario.at_most, None);
    line.plug_in(Arc::clone(&plug.leg), controls);
    if let Some(length) = order.phone.hangs_up_after {
        tokio::spawn(hang_up_after(Arc::clone(&plug.leg), length));
    }
    let web = Arc::new(plug.exchange.web.beside());
    let mut flow = Flow::new(&call, line, web);
    flow.call_sid.clone_from(&plug.leg.sid);
    flow.plug = Some(plug);
    flow.order = Some(order);
    // What came of it is in the leg's record; a leg that could not begin says so there, too.
    let _ = Box::pin(flow.run()).await;
}

/// Whoever is on the line hangs up so long after the answer.
async fn hang_up_after(leg: Arc<Record>, length: Duration) {
    leg.until(|leg| leg.is_answered() || leg.is_over()).await;
    tokio::select! {
        () = sleep(length) => { leg.order(Control::HangUp); }
        () = leg.until(Record::is_over) => {}
    }
}

/// How a leg's time in a room ended.
pub(super) enum Parted {
    /// The seat is lost: the room ended, or the leg was put out of it.
    Out,
    /// The leg left.
    Left(Leave),
}

impl Flow<'_> {
    /// What a leg is there for, from its ringing on.
    pub(in super::super) async fn on_exchange(&mut self, purpose: Purpose) -> EndReason {
        if self.call.outbound
            && let Err(leave) = self.ring().await
        {
            return self.go_on(leave).await;
        }
        match purpose {
            Purpose::Document(source) => {
                let first = match Leave::Redirected(source).into() {
                    After::Fetch { link, base, extra, .. } => {
                        After::Fetch { purpose: "answer", link, base, extra }
                    }
                    inline => inline,
                };
                if !self.call.outbound && matches!(first, After::Inline(_)) {
                    self.tell_answered();
                }
                self.through(first).await
            }
            Purpose::Bridge { whisper, room } => self.be_bridged(whisper, &room).await,
            Purpose::Room(conference) => {
                match self.confer(&conference, None, std::future::pending()).await {
                    Ok(Parted::Left(leave)) => self.go_on(leave).await,
                    Ok(Parted::Out) | Err(_) => EndReason::ServerHungUp,
                }
            }
        }
    }

    /// The end of the call, or what an update made of it.
    async fn go_on(&mut self, leave: Leave) -> EndReason {
        match leave {
            Leave::End(reason) => reason,
            redirected @ Leave::Redirected(_) => self.through(redirected.into()).await,
        }
    }

    async fn through(&mut self, first: After) -> EndReason {
        match Box::pin(self.documents(first)).await {
            Ok(reason) => reason,
            Err(CallError::Answer(NoAnswer { code, .. })) => EndReason::ApplicationError { code },
            Err(_) => EndReason::ApplicationError { code: 11200 },
        }
    }

    /// Rings until somebody answers.
    async fn ring(&mut self) -> Result<(), Leave> {
        let Some(order) = self.order.take() else { return Ok(()) };
        let phone = order.phone.clone();
        let not_taken = |status| Leave::End(EndReason::NotTaken { status });
        let rings = match phone.pickup {
            Pickup::Rings => order.rings_for,
            _ => phone.rings.min(order.rings_for),
        };
        self.wait_for(sleep(rings)).await?;
        match phone.pickup {
            Pickup::Not { status, .. } => return Err(not_taken(status)),
            Pickup::Refused { .. } => return Err(not_taken("failed")),
            Pickup::Rings => return Err(not_taken("no-answer")),
            Pickup::Answers if phone.rings > order.rings_for => return Err(not_taken("no-answer")),
            Pickup::Answers => {}
        }
        self.tell_answered();
        if let (Some(plug), Some(wanted)) = (self.plug.clone(), order.tape.clone()) {
            tape::start(&plug.exchange, &plug.leg, wanted, "OutboundAPI");
        }
        if order.send_digits {
            self.line.note(Note::Dialled);
        }
        if matches!(self.call.detection, Detection::First(_)) {
            self.wait_for(sleep(phone.known_after)).await?;
        }
        if let Some(plug) = self.plug.clone()
            && self.call.detection != Detection::Off
        {
            let beside = matches!(self.call.detection, Detection::Beside { .. });
            let after = phone.known_after;
            if beside {
                tokio::spawn(async move {
                    sleep(after).await;
                    plug.leg.found(&phone.answered_by);
                });
            } else {
                plug.leg.found(&phone.answered_by);
            }
        }
        Ok(())
    }

    /// The callee hears the whisper, then the one who dialled.
    async fn be_bridged(&mut self, whisper: Option<(Link, Url)>, room: &Arc<Room>) -> EndReason {
        if let Some((link, base)) = whisper {
            self.ran_out = false;
            let (purpose, extra) = ("whisper", Vec::new());
            let reason = self.through(After::Fetch { purpose, link, base, extra }).await;
            // A whisper that hangs up is not followed by a bridge.
            if reason != EndReason::ServerHungUp || !self.ran_out {
                return reason;
            }
        }
        let Some(plug) = self.plug.clone() else { return EndReason::ServerHungUp };
        let bridged = Conference::named("bridge");
        let with = plug.leg.parent.clone().unwrap_or_default();
        let Ok(seat) = room.join(&plug.leg.sid, &bridged) else { return EndReason::ServerHungUp };
        plug.leg.ready();
        let never = std::future::pending;
        match self.sit(seat, with, never(), never()).await {
            Parted::Out => EndReason::ServerHungUp,
            Parted::Left(leave) => {
                plug.leg.taken_elsewhere();
                self.go_on(leave).await
            }
        }
    }

    /// Hears and is heard, until the seat is lost, the call is over or redirected, or it is `enough`:
    /// then the leg leaves. `waiting` goes on until the room begins.
    pub(super) async fn sit(
        &mut self,
        seat: Seat,
        with: String,
        waiting: impl Future<Output = ()>,
        enough: impl Future<Output = ()>,
    ) -> Parted {
        tokio::pin!(enough);
        let room = Arc::clone(&seat.room);
        self.line.note(Note::Joined { with: with.clone(), room: room.name.clone() });
        self.line.seat = Some(Arc::new(seat.clone()));
        self.without_stream = 0;
        let mut seat = seat;
        let begun = async {
            tokio::pin!(waiting);
            tokio::select! {
                state = seat.begun() => Some(state),
                () = &mut enough => None,
                () = async { waiting.as_mut().await; std::future::pending().await } => None,
            }
        };
        let mut came = self.wait_for(begun).await.map(|state| state.is_none());
        if let Ok(false) = came {
            if !matches!(seat.stands(), Seated::Out(_)) {
                self.line.note(Note::Begun);
            }
            let over = async {
                tokio::select! {
                    _ = seat.over() => false,
                    () = &mut enough => true,
                }
            };
            came = self.wait_for(over).await;
        }
        self.line.seat = None;
        let (why, parted) = match came {
            Ok(false) => (None, Parted::Out),
            Ok(true) => (Some("participant_hung_up"), Parted::Out),
            Err(Leave::Redirected(source)) => {
                (Some("participant_updated_via_api"), Parted::Left(Leave::Redirected(source)))
            }
            Err(leave) => (Some("participant_hung_up"), Parted::Left(leave)),
        };
        if let Some(why) = why {
            let goes_on = !matches!(parted, Parted::Left(Leave::End(_)));
            let status = if goes_on { "in-progress" } else { "completed" };
            room.leave(&self.call_sid, why, status);
        }
        let why = match seat.stands() {
            Seated::Out(why) => why,
            Seated::Waiting | Seated::In | Seated::Held => "moderator_ended_conference",
        };
        self.line.note(Note::Left { with, why });
        parted
    }

    /// Waits for this while the call goes on.
    pub(super) async fn wait_for<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Leave> {
        let stop = self.call.stop.clone();
        let work = async {
            tokio::select! {
                value = work => Some(value),
                () = stop.cancelled() => None,
            }
        };
        tokio::pin!(work);
        loop {
            let held = self.line.hold(&mut work).await;
            self.tell_streams_ended();
            match held {
                Held::Done(Some(value)) => return Ok(value),
                Held::Done(None) => return Err(Leave::End(EndReason::Stopped)),
                Held::HungUp(reason) => return Err(Leave::End(reason)),
                Held::Redirected(source) => return Err(Leave::Redirected(source)),
                Held::StreamEnded(ended) => self.tell_stream_ended(&ended),
            }
        }
    }
}
