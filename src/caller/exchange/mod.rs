//! A carrier for tests: many calls at once, with telephones at their other ends, over real sockets.
//!
//! An [`Exchange`] does towards a gateway what Twilio does: numbers ring as their [`Phone`] says, legs
//! ask for TwiML by signed requests and carry it out, dials bridge them, conferences mix them, media
//! sockets get what is said and heard, callbacks tell of all that, and the REST API (`2010-04-01`)
//! makes, redirects and ends calls, leads conferences and records. The test leads each [`Leg`] and sees
//! what was said and heard on it, and when it was connected with whom.
//!
//! One interpreter carries out TwiML: the one of [`super::place`]; here is what takes more than one
//! call, and what a call hears of the carrier. Each leg is one task, on a clock of its own; legs meet in
//! rooms only. All goes in real time, and everything that waits is bounded. The steps of somebody at
//! a telephone are those of a [`Scenario`], but whoever has done all stays on the line.
//!
//! Where the carrier's documentation is silent, or real time would be too long for a test: a `<Say>` is
//! a tone of 10 ms a character; the ringing time is not lengthened by five seconds; a call that somebody
//! presses away is `busy`; a conference's callbacks are numbered from 1, and `participant-join` comes
//! before the `conference-start` that it brings about. Not played: speech in `<Gather>`, `<Enqueue>`,
//! `<Record>`, `record` of `<Dial>`, conferences and participants, fallback addresses,
//! `answerOnBridge`, limits on calls per second.

mod api;
mod dialling;
mod events;
mod leg;
mod lifecycle;
mod phone;
mod room;
mod sounds;
mod tape;
mod telephone;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Method, Url};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::callbacks::Callbacks;
use super::door::{Asked, Door, Fault};
use super::markup::Conference;
use super::network::Network;
use super::scenario::Scenario;
use super::telling::{Delivery, Detection, Progress, Statuses};
use super::web::{NoClient, Web};
use super::{ACCOUNT_SID, Call, Target, sid};

pub use leg::{Connection, Leg, LegNote, TooLate};
pub use phone::Phone;

pub(super) use leg::{Control, Purpose, Record, Source};
pub(super) use room::Seat;

use events::Events;
use phone::Pickup;
use room::Room;
use tape::Tape;

/// Legs, rooms and recordings of one exchange. More are refused.
const MOST: usize = 1_000;

/// How an exchange is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the API is served, port 0 for any.
    pub address: SocketAddr,
    /// The account of all calls.
    pub account_sid: String,
    /// Signs webhooks, and opens the API.
    pub auth_token: SecretString,
    /// How long a `<Say>` lasts for each character; 10 ms unless set, where a voice takes some 60.
    pub say_per_character: Duration,
    /// How long a request for TwiML may take: 15 s unless set.
    pub answer_within: Duration,
    /// The longest call; five minutes unless set.
    pub longest_call: Duration,
}

impl Settings {
    /// With this token, on any port of this machine.
    #[must_use]
    pub fn new(auth_token: SecretString) -> Self {
        Settings {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            account_sid: ACCOUNT_SID.to_owned(),
            auth_token,
            say_per_character: Duration::from_millis(10),
            answer_within: Duration::from_secs(15),
            longest_call: Duration::from_secs(300),
        }
    }
}

/// Why there is no exchange, or no call.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The address cannot be bound.
    #[error("the exchange cannot listen")]
    Listen(#[from] std::io::Error),
    /// This machine cannot make HTTP requests.
    #[error(transparent)]
    Client(#[from] NoClient),
    /// There are a thousand legs already.
    #[error("the exchange has {MOST} legs already")]
    Full,
    /// The address of the answer webhook is no URL.
    #[error("the answer URL is none: {0}")]
    Url(String),
    /// No leg to this number came up in time.
    #[error("nobody called within {0:?}")]
    Nobody(Duration),
}

/// A running exchange. When its last clone is dropped, its calls end.
#[derive(Clone)]
pub struct Exchange {
    inside: Arc<Inside>,
    _served: Arc<Served>,
}

struct Served {
    server: AbortHandle,
    stop: CancellationToken,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
        self.stop.cancel();
    }
}

/// The exchange that a call is of, and its leg there.
#[derive(Clone)]
pub(super) struct Plug {
    pub(super) exchange: Arc<Inside>,
    pub(super) leg: Arc<Record>,
}

/// What all legs share.
pub(super) struct Inside {
    door: Door,
    settings: Settings,
    web: Web,
    began: Instant,
    stop: CancellationToken,
    /// What recordings tell.
    callbacks: Callbacks,
    state: Mutex<State>,
    /// Counts legs.
    changed: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    phones: BTreeMap<String, Phone>,
    /// Numbers of the account, with their identifiers.
    numbers: BTreeMap<String, String>,
    legs: Vec<Arc<Record>>,
    rooms: Vec<Arc<Room>>,
    tapes: Vec<Arc<Tape>>,
    calls_told: Delivery,
    rooms_told: Delivery,
}

/// A call to be placed.
pub(super) struct Order {
    from: String,
    to: String,
    parent: Option<String>,
    /// The callee is at this end; else the caller is.
    outbound: bool,
    purpose: Purpose,
    phone: Phone,
    statuses: Statuses,
    detection: Detection,
    rings_for: Duration,
    at_most: Duration,
    send_digits: bool,
    tape: Option<tape::Wanted>,
}

/// Who is told how a call fares: where, and of which events; the end if none is named.
type CallTold = Option<(Url, Method, Vec<String>)>;

impl Exchange {
    /// Starts one.
    ///
    /// # Errors
    /// The address cannot be bound, or the machine's certificates not be read.
    pub async fn start(settings: Settings) -> Result<Self, ExchangeError> {
        let listener = TcpListener::bind(settings.address).await?;
        let mut settings = settings;
        settings.address = listener.local_addr()?;
        let web = Web::new(&settings.auth_token, settings.answer_within)?;
        let stop = CancellationToken::new();
        let inside = Arc::new(Inside {
            door: Door::new(settings.account_sid.clone(), settings.auth_token.clone()),
            callbacks: Callbacks::start(Arc::new(web.beside())),
            web,
            settings,
            began: Instant::now(),
            stop: stop.clone(),
            state: Mutex::default(),
            changed: watch::Sender::new(0),
        });
        let app = api::router(Arc::clone(&inside));
        let served = tokio::spawn(async move {
            // Fails only with the listener, and then its clients see it.
            let _ = axum::serve(listener, app).await;
        });
        let served = Served { server: served.abort_handle(), stop };
        Ok(Exchange { inside, _served: Arc::new(served) })
    }

    /// What a client of the API sets as its address.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.inside.settings.address)
    }

    /// The account owns this number: calls may be made from it. As long as it owns none, from any.
    pub fn own_number(&self, number: impl Into<String>) {
        self.inside.state().numbers.entry(number.into()).or_insert_with(|| sid("PN"));
    }

    /// What happens when this number is called, from now on. One that is not set is answered at once,
    /// by somebody who says nothing.
    pub fn phone(&self, number: impl Into<String>, phone: Phone) {
        self.inside.state().phones.insert(number.into(), phone);
    }

    /// Somebody calls a number whose webhook this is. What they do is the phone's; its ringing, and what
    /// comes of that, are of no account.
    ///
    /// # Errors
    /// The URL is none, or there are too many legs.
    pub fn call_in(
        &self,
        answer_url: &str,
        (from, to): (&str, &str),
        phone: Phone,
        status_url: Option<&str>,
    ) -> Result<Leg, ExchangeError> {
        let url =
            |text: &str| Url::parse(text).map_err(|error| ExchangeError::Url(error.to_string()));
        let purpose = Purpose::Document(Source::At(url(answer_url)?, Method::POST));
        let told = match status_url {
            Some(text) => Some((url(text)?, Method::POST, Vec::new())),
            None => None,
        };
        let order = Order {
            from: from.to_owned(),
            to: to.to_owned(),
            parent: None,
            outbound: false,
            purpose,
            phone,
            statuses: self.inside.statuses(told),
            detection: Detection::Off,
            rings_for: Duration::MAX,
            at_most: self.inside.settings.longest_call,
            send_digits: false,
            tape: None,
        };
        let record = self.inside.place(order).ok_or(ExchangeError::Full)?;
        Ok(Leg { record })
    }

    /// All legs so far, in the order of their beginning.
    #[must_use]
    pub fn legs(&self) -> Vec<Leg> {
        let legs = self.inside.state().legs.clone();
        legs.into_iter().map(|record| Leg { record }).collect()
    }

    /// The leg of this call.
    #[must_use]
    pub fn leg(&self, call_sid: &str) -> Option<Leg> {
        self.inside.leg(call_sid).map(|record| Leg { record })
    }

    /// Waits for a leg to this number; the latest, if there are several.
    ///
    /// # Errors
    /// None came up within this time.
    pub async fn leg_to(&self, number: &str, within: Duration) -> Result<Leg, ExchangeError> {
        let mut changed = self.inside.changed.subscribe();
        let find = async {
            loop {
                let found = self.legs().into_iter().rfind(|leg| leg.to() == number);
                if let Some(leg) = found {
                    return leg;
                }
                // The sender is in `self`: it cannot be gone.
                let _ = changed.changed().await;
            }
        };
        timeout(within, find).await.map_err(|_| ExchangeError::Nobody(within))
    }

    /// The conferences so far: identifier, name and the carrier's word for how each stands.
    #[must_use]
    pub fn conferences(&self) -> Vec<(String, String, &'static str)> {
        let rooms = self.inside.state().rooms.clone();
        let shown = rooms.iter().map(|room| {
            let name = room.name.clone().unwrap_or_default();
            (room.sid.clone(), name, room.status())
        });
        shown.collect()
    }

    /// How the status callbacks of calls arrive that begin from now on.
    pub fn tell_calls(&self, delivery: Delivery) {
        self.inside.state().calls_told = delivery;
    }

    /// How the callbacks of conferences arrive that begin from now on.
    pub fn tell_conferences(&self, delivery: Delivery) {
        self.inside.state().rooms_told = delivery;
    }

    /// What goes wrong with the next GET requests to the API, in their order; `None` goes well.
    pub fn fail_looks(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.inside.door.fail_looks(faults);
    }

    /// What goes wrong with the next POST and DELETE requests, in their order; `None` goes well.
    pub fn fail_orders(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.inside.door.fail_orders(faults);
    }

    /// The first thousand requests to the API.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.inside.door.asked()
    }
}

impl Inside {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn statuses(&self, told: CallTold) -> Statuses {
        let delivery = self.state().calls_told;
        let Some((url, method, events)) = told else { return Statuses::default() };
        let (callback, method) = (Some(url), Some(method));
        Statuses { callback, method, told: Progress::named(events), delivery }
    }

    fn phone_at(&self, number: &str) -> Phone {
        self.state().phones.get(number).cloned().unwrap_or_else(Phone::answers)
    }

    fn leg(&self, call_sid: &str) -> Option<Arc<Record>> {
        self.state().legs.iter().find(|leg| leg.sid == call_sid).cloned()
    }

    /// Begins a call. None if there are too many.
    fn place(self: &Arc<Self>, order: Order) -> Option<Arc<Record>> {
        let call_sid = sid("CA");
        let mut scenario = Scenario::new("exchange", order.phone.steps.clone());
        scenario.network = Network::default();
        scenario.at_most = order.at_most.min(self.settings.longest_call);
        let sip_response = match order.phone.pickup {
            Pickup::Not { sip, .. } if order.outbound => Some(sip),
            _ => None,
        };
        let call = Call {
            target: Target::Exchange(order.purpose.clone()),
            from: order.from.clone(),
            to: order.to.clone(),
            account_sid: self.door.account_sid.clone(),
            auth_token: self.door.auth_token().clone(),
            outbound: order.outbound,
            parent: order.parent.clone(),
            sip_response,
            parameters: Vec::new(),
            scenario,
            statuses: order.statuses.clone(),
            detection: order.detection.clone(),
            rest: None,
            stuck: false,
            answer_within: self.settings.answer_within,
            connect_within: Duration::from_secs(10),
            notes: None,
            stop: self.stop.clone(),
        };
        let (leg, controls) = Record::new(
            call_sid,
            (order.from.clone(), order.to.clone()),
            order.parent.clone(),
            call.direction(),
            self.began,
            order.phone.keys.clone(),
        );
        {
            let mut state = self.state();
            if state.legs.len() >= MOST {
                return None;
            }
            state.legs.push(Arc::clone(&leg));
        }
        self.changed.send_modify(|count| *count += 1);
        let plug = Plug { exchange: Arc::clone(self), leg: Arc::clone(&leg) };
        tokio::spawn(lifecycle::live(plug, call, order, controls));
        Some(leg)
    }

    /// The conference of this name, or a new one as its first participant wants it. None if there are
    /// too many.
    fn room(&self, wanted: &Conference, told: Option<(Url, Method)>) -> Option<Arc<Room>> {
        let mut state = self.state();
        let open = |room: &&Arc<Room>| {
            room.name.as_deref() == Some(&wanted.name) && room.status() != "completed"
        };
        if let Some(room) = state.rooms.iter().find(open) {
            return Some(Arc::clone(room));
        }
        if state.rooms.len() >= MOST {
            return None;
        }
        let sid = sid("CF");
        let words = wanted.told.as_ref().map(|told| told.events.clone()).unwrap_or_default();
        let events = told.map_or_else(Events::none, |to| {
            let (web, account) = (Arc::new(self.web.beside()), &self.door.account_sid);
            Events::to(web, account, (&sid, &wanted.name), to, words, state.rooms_told)
        });
        let room = Room::conference(sid, wanted.name.clone(), wanted.most, events);
        state.rooms.push(Arc::clone(&room));
        Some(room)
    }
}
