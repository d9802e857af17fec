//! Who is dialled: `<Dial>` with numbers, clients and SIP addresses, or with a conference.

use super::tree::Element;
use super::{BadMarkup, Link};

/// Parties that ring at once, as at the carrier.
const MOST_PARTIES: usize = 10;

/// `<Dial>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Asked when it is over; the next verb runs if there is none.
    pub action: Option<Link>,
    /// Seconds that the parties ring.
    pub timeout: u64,
    /// The longest talk, seconds.
    pub time_limit: u64,
    /// Who seems to call; the caller's number unless set.
    pub caller_id: Option<String>,
    /// Whether the caller's star key ends it.
    pub hangup_on_star: bool,
    /// Whether the parties ring one after the other.
    pub sequential: bool,
    /// Who is dialled.
    pub noun: Noun,
}

/// Who is dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noun {
    /// The first that answers is bridged.
    Parties(Vec<Party>),
    /// A room.
    Conference(Box<Conference>),
}

/// Who is told of something, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Where.
    pub link: Link,
    /// The events that are asked for; empty if none are named.
    pub events: Vec<String>,
}

/// `<Number>`, `<Client>` or `<Sip>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What is called: a number, `client:` and a name, `sip:` and an address.
    pub address: String,
    /// Its element.
    pub kind: &'static str,
    /// Run on the called leg before the bridge.
    pub whisper: Option<Link>,
    /// Keys that are dialled when it answers.
    pub send_digits: Option<String>,
    /// Who is told how its call fares.
    pub told: Option<Told>,
}

/// `<Conference>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conference {
    /// The room's name.
    pub name: String,
    /// Joins unheard.
    pub muted: bool,
    /// A beep tells of its joining.
    pub beep_on_enter: bool,
    /// A beep tells of its leaving.
    pub beep_on_exit: bool,
    /// The room begins with it.
    pub start_on_enter: bool,
    /// The room ends with it.
    pub end_on_exit: bool,
    /// Its name in the room.
    pub label: Option<String>,
    /// Who alone hears it, by call.
    pub coach: Option<String>,
    /// What is heard while waiting. `None` is the carrier's music; an empty address is silence.
    pub wait: Option<Link>,
    /// How many fit in.
    pub most: usize,
    /// Who is told of the room.
    pub told: Option<Told>,
}

impl Dial {
    /// In a word, for reports.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.noun {
            Noun::Conference(_) => "Dial/Conference".to_owned(),
            Noun::Parties(parties) => {
                let kind = parties.first().map_or("Number", |party| party.kind);
                format!("Dial/{kind}")
            }
        }
    }
}

impl Conference {
    /// The room of this name, joined as without any attribute.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Conference {
            name: name.into(),
            muted: false,
            beep_on_enter: true,
            beep_on_exit: true,
            start_on_enter: true,
            end_on_exit: false,
            label: None,
            coach: None,
            wait: None,
            most: 250,
            told: None,
        }
    }

    /// Sets what the word of a `beep` attribute or parameter says.
    ///
    /// # Errors
    /// There is no such word.
    pub fn set_beep(&mut self, word: &str) -> Result<(), BadMarkup> {
        (self.beep_on_enter, self.beep_on_exit) = match word {
            "true" => (true, true),
            "false" => (false, false),
            "onEnter" => (true, false),
            "onExit" => (false, true),
            other => {
                return Err(BadMarkup::Value { attribute: "beep", value: other.to_owned() });
            }
        };
        Ok(())
    }
}

/// Reads `<Dial>`; nothing if it holds what is not played.
pub fn dial(element: &Element) -> Result<Option<Dial>, BadMarkup> {
    let Some(noun) = noun(element)? else { return Ok(None) };
    Ok(Some(Dial {
        action: element.link("action", "method")?,
        timeout: element.number("timeout", 600)?.unwrap_or(30),
        time_limit: element.number("timeLimit", 86_400)?.unwrap_or(14_400),
        caller_id: element.attribute("callerId").map(ToOwned::to_owned),
        hangup_on_star: element.flag("hangupOnStar", false)?,
        sequential: element.flag("sequential", false)?,
        noun,
    }))
}

fn noun(element: &Element) -> Result<Option<Noun>, BadMarkup> {
    if let Some(child) = element.child("Conference") {
        return Ok(Some(Noun::Conference(Box::new(conference(child)?))));
    }
    let mut parties = Vec::new();
    for child in &element.children {
        let address = child.child("Identity").map_or(child.text.trim(), |own| own.text.trim());
        let (kind, address) = match child.name.as_str() {
            "Number" => ("Number", address.to_owned()),
            "Client" => ("Client", format!("client:{address}")),
            "Sip" => ("Sip", address.to_owned()),
            _ => return Ok(None),
        };
        parties.push(Party {
            address,
            kind,
            whisper: child.link("url", "method")?,
            send_digits: child.attribute("sendDigits").map(ToOwned::to_owned),
            told: told(child)?,
        });
    }
    let plain = element.text.trim();
    if parties.is_empty() && !plain.is_empty() {
        let address = plain.to_owned();
        let (whisper, send_digits, told) = (None, None, None);
        parties.push(Party { address, kind: "Number", whisper, send_digits, told });
    }
    if parties.is_empty() || parties.iter().any(|party| party.address.is_empty()) {
        return Err(BadMarkup::Lacks { verb: "Dial", what: "party" });
    }
    parties.truncate(MOST_PARTIES);
    Ok(Some(Noun::Parties(parties)))
}

fn told(element: &Element) -> Result<Option<Told>, BadMarkup> {
    let link = element.link("statusCallback", "statusCallbackMethod")?;
    Ok(link.map(|link| Told { link, events: element.words("statusCallbackEvent") }))
}

fn conference(element: &Element) -> Result<Conference, BadMarkup> {
    let name = element.text.trim();
    if name.is_empty() {
        return Err(BadMarkup::Lacks { verb: "Conference", what: "name" });
    }
    let mut conference = Conference::named(name);
    if let Some(word) = element.attribute("beep") {
        conference.set_beep(word)?;
    }
    conference.muted = element.flag("muted", false)?;
    conference.start_on_enter = element.flag("startConferenceOnEnter", true)?;
    conference.end_on_exit = element.flag("endConferenceOnExit", false)?;
    let own = |name: &str| {
        element.attribute(name).filter(|value| !value.is_empty()).map(ToOwned::to_owned)
    };
    conference.label = own("participantLabel");
    conference.coach = own("coach");
    let method = element.method("waitMethod")?;
    let wait = element.attribute("waitUrl");
    conference.wait = wait.map(|url| Link { url: url.trim().to_owned(), method });
    conference.most = element
        .number("maxParticipants", 250)?
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(250);
    conference.told = told(element)?;
    Ok(conference)
}

#[cfg(test)]
mod tests {
    use super::super::{Verb, parse};
    use super::*;

    fn only(document: &str) -> Dial {
        let verbs = parse(&format!("<Response>{document}</Response>")).unwrap();
        let [Verb::Dial(dial)] = &verbs[..] else { panic!("{verbs:?}") };
        (**dial).clone()
    }

    #[test]
    fn parties_with_their_whisper() {
        let dial = only(
            r#"<Dial action="/done" timeout="12" callerId="+15005550006"><Number url="/whisper"
               statusCallback="/s" statusCallbackEvent="ringing answered">+15005550001</Number>
               <Client><Identity>ann</Identity></Client></Dial>"#,
        );
        assert_eq!((dial.timeout, dial.time_limit), (12, 14_400));
        let Noun::Parties(parties) = dial.noun else { panic!("no parties") };
        assert_eq!(parties[0].whisper.as_ref().map(|link| link.url.as_str()), Some("/whisper"));
        assert_eq!(parties[0].told.as_ref().unwrap().events, ["ringing", "answered"]);
        assert_eq!(parties[1].address, "client:ann");
        let Noun::Parties(plain) = only("<Dial>+15005550001</Dial>").noun else { panic!("none") };
        assert_eq!(plain[0].address, "+15005550001");
    }

    #[test]
    fn a_conference_with_its_attributes() {
        let dial = only(
            r#"<Dial><Conference startConferenceOnEnter="false" endConferenceOnExit="true"
               beep="onExit" waitUrl="" participantLabel="caller" coach="CA1" maxParticipants="3"
               statusCallback="/room" statusCallbackEvent="join leave">call_1</Conference></Dial>"#,
        );
        let Noun::Conference(room) = dial.noun else { panic!("no room") };
        assert_eq!((room.beep_on_enter, room.beep_on_exit), (false, true));
        assert_eq!((room.start_on_enter, room.end_on_exit, room.most), (false, true, 3));
        assert_eq!(room.wait.as_ref().map(|link| link.url.as_str()), Some(""));
        assert_eq!((room.label.as_deref(), room.coach.as_deref()), (Some("caller"), Some("CA1")));
        assert_eq!(room.told.unwrap().events, ["join", "leave"]);
    }

    #[test]
    fn what_is_not_played_is_left_and_what_is_wrong_is_refused() {
        let verbs = parse("<Response><Dial><Queue>q</Queue></Dial></Response>").unwrap();
        assert_eq!(verbs[0], Verb::Leaves { name: "Dial/Queue".to_owned() });
        let empty = ["<Dial/>", "<Dial><Number/></Dial>", "<Dial><Conference/></Dial>"];
        for wrong in empty.into_iter().chain(["<Dial><Conference beep='x'>a</Conference></Dial>"]) {
            let document = format!("<Response>{wrong}</Response>");
            assert_eq!(parse(&document).unwrap_err().code(), 12200, "{wrong}");
        }
    }
}
