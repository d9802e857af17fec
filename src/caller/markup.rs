//! Reads TwiML as the carrier does, into the verbs that a simulated call can carry out.
//!
//! Reads what any server sends, not only our own builder's output; knows no more of a verb than the
//! call needs. What is not carried out is kept by name, to be reported.

mod dial;
mod speech;
mod tree;

use reqwest::{Method, Url};

pub use dial::{Conference, Dial, Noun, Party, Told};
pub use speech::{Gather, Heard};
use tree::{Element, tree};

/// The largest document, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// What the carrier says of text in `<Parameter>`: name and value together, in characters.
pub const MAX_PARAMETER: usize = 500;

/// One thing that a document orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `<Connect><Stream>`: the call is a conversation over a socket.
    Connect {
        /// What is requested when the stream has ended; the next verb runs if there is none.
        action: Option<Link>,
        /// The stream.
        stream: Stream,
    },
    /// `<Start><Stream>`: the caller's audio goes to a socket while the document goes on.
    StartStream(Stream),
    /// `<Stop><Stream>`.
    StopStream {
        /// Which; the latest if there is no name.
        name: Option<String>,
    },
    /// Silence.
    Pause {
        /// In seconds.
        seconds: u64,
    },
    /// The call goes on with another document.
    Redirect(Link),
    /// The call ends.
    Hangup,
    /// The call is not taken.
    Reject,
    /// Something is said or played.
    Hear(Heard),
    /// The caller is asked for keys.
    Gather(Box<Gather>),
    /// Others are called, or a conference is joined.
    Dial(Box<Dial>),
    /// A verb that is noted and passed over.
    Noted {
        /// Its name.
        name: String,
        /// Its text, or what it names.
        what: String,
    },
    /// A verb that takes the call where the simulation does not follow.
    Leaves {
        /// Its name.
        name: String,
    },
}

impl Verb {
    /// In a word, for reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Connect { .. } => "Connect/Stream".to_owned(),
            Self::StartStream(_) => "Start/Stream".to_owned(),
            Self::StopStream { .. } => "Stop/Stream".to_owned(),
            Self::Pause { seconds } => format!("Pause {seconds} s"),
            Self::Redirect(_) => "Redirect".to_owned(),
            Self::Hangup => "Hangup".to_owned(),
            Self::Reject => "Reject".to_owned(),
            Self::Hear(heard) => heard.name().to_owned(),
            Self::Gather(_) => "Gather".to_owned(),
            Self::Dial(dial) => dial.name(),
            Self::Noted { name, .. } | Self::Leaves { name } => name.clone(),
        }
    }
}

/// A URL to be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// As the document has it, perhaps relative.
    pub url: String,
    /// GET or POST.
    pub method: Method,
}

/// A media stream that a document orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// As the document has it, perhaps relative.
    pub url: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// `inbound_track` unless set.
    pub track: Option<String>,
    /// `<Parameter>`s in order.
    pub parameters: Vec<(String, String)>,
    /// Who is told that it started and stopped.
    pub status_callback: Option<Link>,
}

/// Why a document cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMarkup {
    /// More than [`MAX_DOCUMENT`].
    #[error("the document has more than 64 kB")]
    TooLong,
    /// Not well-formed XML.
    #[error("the document is not well-formed XML: {0}")]
    Xml(String),
    /// The root is another element, or there is none.
    #[error("the root element is not <Response>")]
    NoResponse,
    /// A verb lacks what it needs.
    #[error("<{verb}> has no {what}")]
    Lacks {
        /// The verb.
        verb: &'static str,
        /// What it lacks.
        what: &'static str,
    },
    /// An attribute has a value that it may not have.
    #[error("`{attribute}` cannot be {value:?}")]
    Value {
        /// The attribute.
        attribute: &'static str,
        /// Its value.
        value: String,
    },
}

impl BadMarkup {
    /// The carrier's number for it.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::TooLong => 11750,
            Self::Xml(_) => 12100,
            Self::NoResponse | Self::Lacks { .. } | Self::Value { .. } => 12200,
        }
    }
}

/// Reads a document.
///
/// # Errors
/// The text is not a TwiML document that the carrier would run.
pub fn parse(text: &str) -> Result<Vec<Verb>, BadMarkup> {
    if text.len() > MAX_DOCUMENT {
        return Err(BadMarkup::TooLong);
    }
    let root = tree(text)?;
    if root.name != "Response" {
        return Err(BadMarkup::NoResponse);
    }
    root.children.iter().map(verb).collect()
}

fn verb(element: &Element) -> Result<Verb, BadMarkup> {
    let noted = |what: &str| Verb::Noted { name: element.name.clone(), what: what.to_owned() };
    Ok(match element.name.as_str() {
        "Connect" => match element.child("Stream") {
            Some(child) => {
                let method = element.method("method")?;
                let link = |url: &str| Link { url: url.to_owned(), method };
                let action = element.attribute("action").filter(|url| !url.is_empty()).map(link);
                Verb::Connect { action, stream: stream(child)? }
            }
            None => Verb::Leaves { name: nested("Connect", element) },
        },
        "Start" => match element.child("Stream") {
            Some(child) => Verb::StartStream(stream(child)?),
            None => noted(&first_child(element)),
        },
        "Stop" => match element.child("Stream") {
            Some(child) => {
                Verb::StopStream { name: child.attribute("name").map(ToOwned::to_owned) }
            }
            None => noted(&first_child(element)),
        },
        "Pause" => Verb::Pause { seconds: pause(element)? },
        "Redirect" => {
            let url = element.text.trim();
            if url.is_empty() {
                return Err(BadMarkup::Lacks { verb: "Redirect", what: "URL" });
            }
            Verb::Redirect(Link { url: url.to_owned(), method: element.method("method")? })
        }
        "Hangup" => Verb::Hangup,
        "Reject" => Verb::Reject,
        "Say" | "Play" => Verb::Hear(speech::heard(element)?),
        "Gather" => Verb::Gather(Box::new(speech::gather(element)?)),
        "Dial" => match dial::dial(element)? {
            Some(dial) => Verb::Dial(Box::new(dial)),
            None => Verb::Leaves { name: nested("Dial", element) },
        },
        "Enqueue" | "Leave" | "Refer" | "Pay" | "Queue" => {
            Verb::Leaves { name: nested(&element.name, element) }
        }
        _ => noted(element.text.trim()),
    })
}

fn first_child(element: &Element) -> String {
    element.children.first().map_or_else(String::new, |child| child.name.clone())
}

fn nested(name: &str, element: &Element) -> String {
    match element.children.first() {
        Some(child) => format!("{name}/{}", child.name),
        None => name.to_owned(),
    }
}

fn pause(element: &Element) -> Result<u64, BadMarkup> {
    let Some(value) = element.attribute("length") else { return Ok(1) };
    let wrong = || BadMarkup::Value { attribute: "length", value: value.to_owned() };
    let seconds: u64 = value.trim().parse().map_err(|_| wrong())?;
    if seconds > 4 * 3600 { Err(wrong()) } else { Ok(seconds) }
}

fn stream(element: &Element) -> Result<Stream, BadMarkup> {
    let own = |name: &str| element.attribute(name).map(ToOwned::to_owned);
    let url = own("url").filter(|url| !url.trim().is_empty());
    let method = element.method("statusCallbackMethod")?;
    let parameters = element.children.iter().filter(|child| child.name == "Parameter");
    let parameters = parameters.map(|child| {
        let name = child.attribute("name");
        let name = name.ok_or(BadMarkup::Lacks { verb: "Parameter", what: "name" })?;
        Ok((name.to_owned(), child.attribute("value").unwrap_or_default().to_owned()))
    });
    Ok(Stream {
        url: url.ok_or(BadMarkup::Lacks { verb: "Stream", what: "url" })?.trim().to_owned(),
        name: own("name"),
        track: own("track"),
        parameters: parameters.collect::<Result<_, _>>()?,
        status_callback: own("statusCallback").map(|url| Link { url, method }),
    })
}

/// Where the carrier connects for `<Stream url>`, and whether it dropped a query. A relative URL is
/// taken from the document's, as wss for https and ws for http.
///
/// # Errors
/// The URL is malformed (31923), or not of a socket (31922).
pub fn socket_url(document: Option<&Url>, url: &str) -> Result<(Url, bool), u32> {
    let mut url = match (Url::parse(url), document) {
        (Ok(url), _) => url,
        (Err(_), Some(document)) => {
            let mut base = document.join(url).map_err(|_| 31923_u32)?;
            let scheme = if document.scheme() == "https" { "wss" } else { "ws" };
            base.set_scheme(scheme).map_err(|()| 31923_u32)?;
            base
        }
        (Err(_), None) => return Err(31923),
    };
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(31922);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(31923);
    }
    let dropped = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    Ok((url, dropped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_and_what_follows_it() {
        let verbs = parse(
            r#"<?xml version="1.0" encoding="UTF-8"?>
            <!-- made by hand -->
            <Response>
              <Connect action="/resume?a=1&amp;b=2" method="GET">
                <Stream url="wss://gw.example/media" name="talk" statusCallback="https://gw.example/s">
                  <Parameter name="token" value="a&quot;&#x3C;b"/>
                  <Parameter name="empty"/>
                </Stream>
              </Connect>
              <Say voice="alice">One &amp; two<![CDATA[ < three]]></Say>
              <Pause/><Pause length="60"/>
              <Dial><Number>+15005550006</Number></Dial>
              <Redirect> /again </Redirect>
            </Response>
            "#,
        )
        .unwrap();
        let Verb::Connect { action: Some(action), stream } = &verbs[0] else {
            panic!("no stream in {verbs:?}")
        };
        assert_eq!(*action, Link { url: "/resume?a=1&b=2".to_owned(), method: Method::GET });
        assert_eq!(stream.url, "wss://gw.example/media");
        assert_eq!(stream.name.as_deref(), Some("talk"));
        let parameters: Vec<_> =
            stream.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(parameters, [("token", "a\"<b"), ("empty", "")]);
        let said = Heard::Said { text: "One & two < three".to_owned(), times: 1 };
        assert_eq!(verbs[1], Verb::Hear(said));
        assert_eq!(verbs[2], Verb::Pause { seconds: 1 });
        assert_eq!(verbs[3], Verb::Pause { seconds: 60 });
        assert_eq!(verbs[4].name(), "Dial/Number");
        let link = Link { url: "/again".to_owned(), method: Method::POST };
        assert_eq!(verbs[5], Verb::Redirect(link));
    }

    #[test]
    fn forks_start_and_stop() {
        let verbs = parse(
            r#"<Response><Start><Stream name="a" url="/fork"/></Start><Stop><Stream name="a"/></Stop>
            <Start><Siprec/></Start><Hangup/></Response>"#,
        )
        .unwrap();
        assert!(matches!(&verbs[0], Verb::StartStream(stream) if stream.url == "/fork"));
        assert_eq!(verbs[1], Verb::StopStream { name: Some("a".to_owned()) });
        assert!(matches!(&verbs[2], Verb::Noted { name, .. } if name == "Start"));
        assert_eq!(verbs[3], Verb::Hangup);
        assert_eq!(parse("<Response/>"), Ok(vec![]));
    }

    #[test]
    fn what_the_carrier_would_not_run_is_refused() {
        let code = |text: &str| parse(text).unwrap_err().code();
        assert_eq!(code("hello"), 12100);
        assert_eq!(code(""), 12200);
        assert_eq!(code("<Response>"), 12100);
        assert_eq!(code("<Response></Answer>"), 12100);
        assert_eq!(code("<Response/><Response/>"), 12100);
        assert_eq!(code("<response/>"), 12200);
        assert_eq!(code("<Response>&nbsp;</Response>"), 12100);
        assert_eq!(code("<!DOCTYPE r [<!ENTITY a 'b'>]><Response>&a;</Response>"), 12100);
        assert_eq!(code("<Response><Connect><Stream/></Connect></Response>"), 12200);
        assert_eq!(code("<Response><Pause length='x'/></Response>"), 12200);
        assert_eq!(code("<Response><Redirect method='PUT'>/a</Redirect></Response>"), 12200);
        assert_eq!(code(&"<Response>".repeat(20)), 12100);
        assert_eq!(code(&" ".repeat(MAX_DOCUMENT + 1)), 11750);
    }

    #[test]
    fn a_stream_url_loses_its_query_and_keeps_its_path() {
        let document = Url::parse("https://gw.example/webhooks/answer?x=1").unwrap();
        let resolve = |url: &str| {
            socket_url(Some(&document), url).map(|(url, dropped)| (url.to_string(), dropped))
        };
        assert_eq!(resolve("/media"), Ok(("wss://gw.example/media".to_owned(), false)));
        assert_eq!(
            resolve("wss://other.example:8443/m/1?token=a"),
            Ok(("wss://other.example:8443/m/1".to_owned(), true))
        );
        assert_eq!(resolve("https://gw.example/media"), Err(31922));
        assert_eq!(resolve("wss://"), Err(31923));
    }
}
