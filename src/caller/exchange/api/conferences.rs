//! Conferences and their participants over REST.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::time::sleep;
use twiml::Form;

use super::super::super::clock::Tick;
use super::super::super::markup::{Conference, Link, Told};
use super::super::dialling::sounds_at;
use super::super::events::Event;
use super::super::room::{Member, Room};
use super::super::{Inside, Plug, Purpose, tape};
use super::{Answer, Refused, Request, calls, created, deleted, found, page};

/// Rooms by name and status.
pub fn list(request: &Request<'_>) -> Answer {
    if *request.method != Method::GET {
        return Err(Refused::method());
    }
    let rooms = request.exchange.state().rooms.clone();
    let wanted =
        |name: &str, value: &str| request.form.get(name).is_none_or(|asked| asked == value);
    let shown = rooms.iter().rev().filter(|room| {
        wanted("FriendlyName", room.name.as_deref().unwrap_or_default())
            && wanted("Status", room.status())
    });
    page("conferences", shown.map(|room| show(request.exchange, room)).collect())
}

/// Looks a room up, ends it, announces in it.
pub fn one(request: &Request<'_>, sid: &str) -> Answer {
    let room = by_sid(request.exchange, sid)?;
    match *request.method {
        Method::GET => {}
        Method::POST => {
            if let Some(url) = request.form.get("AnnounceUrl") {
                announce(request, &room, None, url)?;
            }
            if request.form.get("Status") == Some("completed") {
                room.end("conference-ended-via-api");
            }
        }
        _ => return Err(Refused::method()),
    }
    found(show(request.exchange, &room))
}

/// Lists who is in a room, or calls somebody into it.
pub fn participants(request: &Request<'_>, room: &str) -> Answer {
    let exchange = request.exchange;
    match *request.method {
        Method::GET => {
            let room = by_sid(exchange, room)?;
            let all = room.members().iter().map(|member| member_of(&room, member)).collect();
            page("participants", all)
        }
        Method::POST => {
            let name = match by_sid(exchange, room) {
                Ok(room) if room.status() == "completed" => return Err(Refused::not_found()),
                Ok(room) => room.name.clone().unwrap_or_default(),
                Err(_) if room.starts_with("CF") => return Err(Refused::not_found()),
                Err(_) => room.to_owned(),
            };
            let conference = wanted(request.form, name)?;
            let told = conference.told.as_ref().and_then(|told| {
                Some((Url::parse(&told.link.url).ok()?, told.link.method.clone()))
            });
            let purpose = Purpose::Room(Box::new(conference.clone()));
            let order = calls::order(request, purpose, "AmdStatusCallback")?;
            let room = exchange.room(&conference, told).ok_or_else(Refused::full)?;
            let leg = exchange.place(order).ok_or_else(Refused::full)?;
            created(json!({
                "call_sid": leg.sid,
                "conference_sid": room.sid,
                "label": conference.label,
                "status": "queued",
                "muted": conference.muted,
                "hold": false,
                "coaching": conference.coach.is_some(),
                "call_sid_to_coach": conference.coach,
                "start_conference_on_enter": conference.start_on_enter,
                "end_conference_on_exit": conference.end_on_exit,
            }))
        }
        _ => Err(Refused::method()),
    }
}

/// Looks a participant up, changes it, puts it out.
pub fn participant(request: &Request<'_>, room: &str, who: &str) -> Answer {
    let room = by_sid(request.exchange, room)?;
    let is = |member: &&Member| member.call_sid == who || member.label.as_deref() == Some(who);
    let there = room.members().iter().find(is).cloned().ok_or_else(Refused::not_found)?;
    match *request.method {
        Method::GET => found(member_of(&room, &there)),
        Method::POST => {
            change(request, &room, &there)?;
            let members = room.members();
            let now = members.iter().find(is).unwrap_or(&there);
            found(member_of(&room, now))
        }
        Method::DELETE => {
            room.leave(&there.call_sid, "participant_updated_via_api", "in-progress");
            deleted()
        }
        _ => Err(Refused::method()),
    }
}

fn change(request: &Request<'_>, room: &Arc<Room>, member: &Member) -> Result<(), Refused> {
    let (form, who) = (request.form, member.call_sid.as_str());
    let flag = |name: &str| match form.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(Refused::bad(20001, "a parameter that is true or false is neither")),
    };
    if let Some(muted) = flag("Muted")? {
        let event = if muted { Event::Mute } else { Event::Unmute };
        room.change(who, |_| event, |member| member.muted = muted);
    }
    if let Some(hold) = flag("Hold")? {
        let sound = form.get("HoldUrl").filter(|url| hold && !url.is_empty());
        room.own_music(who, sound.is_some());
        let event = if hold { Event::Hold } else { Event::Unhold };
        room.change(who, |_| event, |member| member.hold = hold);
        if let Some(url) = sound {
            play(request, room, Some(who), url, method(form, "HoldMethod", Method::GET), false)?;
        }
    }
    if let Some(coaching) = flag("Coaching")? {
        let whom = form.get("CallSidToCoach").map(ToOwned::to_owned);
        let there = |sid: &String| room.members().iter().any(|member| member.call_sid == *sid);
        if coaching && !whom.as_ref().is_some_and(there) {
            return Err(Refused::bad(13240, "the call to be coached is not in the room"));
        }
        let whom = whom.filter(|_| coaching);
        room.change(who, |_| Event::Modify, |member| member.coach = whom);
    }
    if let Some(ends) = flag("EndConferenceOnExit")? {
        room.change(who, |_| Event::Modify, |member| member.end_on_exit = ends);
    }
    match form.get("AnnounceUrl") {
        Some(url) => announce(request, room, Some(who), url),
        None => Ok(()),
    }
}

fn announce(
    request: &Request<'_>,
    room: &Arc<Room>,
    who: Option<&str>,
    url: &str,
) -> Result<(), Refused> {
    play(request, room, who, url, method(request.form, "AnnounceMethod", Method::POST), true)
}

/// Plays what is at this address, to one or to all. Where it is an announcement, its end is told.
fn play(
    request: &Request<'_>,
    room: &Arc<Room>,
    who: Option<&str>,
    url: &str,
    method: Method,
    announced: bool,
) -> Result<(), Refused> {
    let url = Url::parse(url).map_err(|_| Refused::bad(21205, "the URL is none"))?;
    let exchange = Arc::clone(request.exchange);
    let hearer = who.map_or_else(
        || room.members().first().map(|first| first.call_sid.clone()),
        |who| Some(who.to_owned()),
    );
    let Some(leg) = hearer.and_then(|sid| exchange.leg(&sid)) else { return Ok(()) };
    let (room, who) = (Arc::clone(room), who.map(ToOwned::to_owned));
    tokio::spawn(async move {
        let stop = exchange.stop.clone();
        let plug = Plug { exchange, leg };
        let work = async {
            let (web, form) = (plug.exchange.web.beside(), Form::default());
            let failed = match sounds_at(&plug, &web, &url, &method, &form).await {
                Ok((sound, _)) => {
                    room.play(who.as_deref(), &sound);
                    sleep(Tick(sound.len() as u64).duration().min(Duration::from_secs(600))).await;
                    None
                }
                Err(why) => Some(why),
            };
            if announced {
                room.announced(url.as_str(), failed);
            }
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    });
    Ok(())
}

fn method(form: &Form, name: &str, unset: Method) -> Method {
    match form.get(name) {
        Some("GET") => Method::GET,
        Some("POST") => Method::POST,
        _ => unset,
    }
}

/// The participant that the form describes.
fn wanted(form: &Form, name: String) -> Result<Conference, Refused> {
    let mut conference = Conference::named(name);
    if let Some(beep) = form.get("Beep") {
        conference.set_beep(beep).map_err(|_| Refused::bad(20001, "Beep has no such value"))?;
    }
    conference.muted = form.get("Muted") == Some("true");
    conference.start_on_enter = form.get("StartConferenceOnEnter") != Some("false");
    conference.end_on_exit = form.get("EndConferenceOnExit") == Some("true");
    conference.label = form.get("Label").map(ToOwned::to_owned);
    if form.get("Coaching") == Some("true") {
        conference.coach = form.get("CallSidToCoach").map(ToOwned::to_owned);
    }
    conference.wait = form
        .get("WaitUrl")
        .map(|url| Link { url: url.to_owned(), method: method(form, "WaitMethod", Method::POST) });
    let told = tape::told(form, "ConferenceStatusCallback");
    let told = told.map_err(|()| Refused::bad(21609, "Invalid 'ConferenceStatusCallback' URL"))?;
    conference.told = told.map(|(url, method, events)| {
        let unset = || vec!["start".to_owned(), "end".to_owned()];
        let events = if events.is_empty() { unset() } else { events };
        Told { link: Link { url: url.to_string(), method }, events }
    });
    Ok(conference)
}

fn by_sid(exchange: &Inside, sid: &str) -> Result<Arc<Room>, Refused> {
    let rooms = exchange.state().rooms.clone();
    rooms.into_iter().find(|room| room.sid == sid).ok_or_else(Refused::not_found)
}

fn show(exchange: &Inside, room: &Room) -> Value {
    let account = &exchange.door.account_sid;
    let over = room.over();
    json!({
        "sid": room.sid,
        "account_sid": account,
        "friendly_name": room.name,
        "status": room.status(),
        "region": "us1",
        "reason_conference_ended": over.as_ref().map(|(why, _)| *why),
        "call_sid_ending_conference": over.and_then(|(_, by)| by),
        "uri": format!("/2010-04-01/Accounts/{account}/Conferences/{}.json", room.sid),
    })
}

fn member_of(room: &Room, member: &Member) -> Value {
    json!({
        "call_sid": member.call_sid,
        "conference_sid": room.sid,
        "label": member.label,
        "status": "connected",
        "muted": member.muted,
        "hold": member.hold,
        "coaching": member.coach.is_some(),
        "call_sid_to_coach": member.coach,
        "start_conference_on_enter": member.start_on_enter,
        "end_conference_on_exit": member.end_on_exit,
    })
}
