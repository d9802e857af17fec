//! Webhook requests as they come, and as they should not.

use proptest::prelude::*;
use twiml::{Form, FormError, form::*};

fn form(text: &str) -> Form {
    Form::parse(text.as_bytes()).expect("a form")
}

#[test]
fn a_voice_request_is_read_whole() -> Result<(), FormError> {
    let request = VoiceRequest::from_form(&form(
        "AccountSid=AC00000000000000000000000000000001&ApiVersion=2010-04-01\
         &CallSid=CA00000000000000000000000000000001&CallStatus=ringing&Direction=inbound\
         &From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309&Called=%2B18005551212\
         &CallerName=DOE+JANE&FromCity=SAN+FRANCISCO&FromState=CA&FromZip=94105&FromCountry=US\
         &ToCountry=US&ToCity=&ForwardedFrom=%2B14155550000&StirVerstat=TN-Validation-Passed-A\
         &CallToken=%7B%22a%22%3A1%7D&ParentCallSid=CA02&SipHeader_X-Lead=7",
    ))?;
    assert_eq!(request.call_sid.as_str(), "CA00000000000000000000000000000001");
    assert_eq!(request.call_status, Some(CallStatus::Ringing));
    assert_eq!(request.direction, Some(Direction::Inbound));
    assert_eq!(request.from.as_ref().map(|from| from.expose()), Some("+14158675309"));
    assert_eq!(request.caller_name.as_ref().map(|name| name.expose()), Some("DOE JANE"));
    assert_eq!(request.from_place.city.as_deref(), Some("SAN FRANCISCO"));
    assert_eq!(request.to_place.country.as_deref(), Some("US"));
    assert_eq!(request.to_place.city, None);
    assert_eq!(request.parent_call_sid.as_ref().map(|sid| sid.as_str()), Some("CA02"));
    assert_eq!(request.other.get("SipHeader_X-Lead"), Some("7"));
    assert_eq!(request.other.get("Caller"), Some("+14158675309"));
    // What was empty is not lost, and not taken for a value.
    assert_eq!(request.other.get("ToCity"), Some(""));

    let shown = format!("{request:?}");
    for hidden in ["4158675309", "8005551212", "4155550000", "JANE", "{\"a\""] {
        assert!(!shown.contains(hidden), "{hidden} shows in {shown}");
    }
    Ok(())
}

#[test]
fn an_answered_outbound_call_needs_few_fields() -> Result<(), FormError> {
    let request = VoiceRequest::from_form(&form(
        "AnsweredBy=human&CallSid=CA1234567890abcdef&CallStatus=in-progress\
         &Direction=outbound-api&From=%2B14155551234&To=%2B14155552671",
    ))?;
    assert_eq!(request.answered_by, Some(AnsweredBy::Human));
    assert_eq!(request.direction, Some(Direction::OutboundApi));
    assert_eq!(request.account_sid, None);
    assert!(request.other.is_empty());
    Ok(())
}

#[test]
fn unknown_words_and_malformed_values_are_kept() -> Result<(), FormError> {
    let request = VoiceRequest::from_form(&form(
        "CallSid=CA01&CallStatus=teleported&Direction=sideways&AccountSid=nonsense\
         &MachineDetectionDuration=-1&From=anonymous",
    ))?;
    assert_eq!(request.call_status, Some(CallStatus::Other("teleported".to_owned())));
    assert_eq!(request.direction, Some(Direction::Other("sideways".to_owned())));
    assert_eq!(request.account_sid, None);
    assert_eq!(request.other.get("AccountSid"), Some("nonsense"));
    assert_eq!(request.other.get("MachineDetectionDuration"), Some("-1"));
    assert!(request.from.is_some_and(|from| from.is_withheld()));
    Ok(())
}

#[test]
fn only_the_identifier_is_required() {
    let missing = VoiceRequest::from_form(&form("From=%2B1"));
    assert_eq!(missing, Err(FormError::Missing { name: "CallSid" }));
    let malformed = VoiceRequest::from_form(&form("CallSid=../etc"));
    assert_eq!(malformed, Err(FormError::Malformed { name: "CallSid" }));
    assert!(VoiceRequest::from_form(&form("CallSid=CA01")).is_ok());
}

#[test]
fn a_status_callback_tells_order_time_and_length() -> Result<(), FormError> {
    let callback = CallStatusCallback::from_form(&form(
        "CallSid=CA01&CallStatus=completed&CallDuration=330&Duration=6&SequenceNumber=3\
         &Timestamp=Wed%2C+02+Oct+2024+12%3A00%3A01+%2B0000&CallbackSource=call-progress-events\
         &SipResponseCode=200&RecordingUrl=https%3A%2F%2Fapi.example%2FRE01&RecordingSid=RE01\
         &RecordingDuration=329&Direction=outbound-api&New=1",
    ))?;
    assert_eq!(callback.sequence_number, Some(3));
    assert_eq!(callback.timestamp.map(|time| time.timestamp()), Some(1_727_870_401));
    assert_eq!((callback.call_duration, callback.billed_minutes), (Some(330), Some(6)));
    assert_eq!(callback.sip_response_code, Some(200));
    assert_eq!(callback.recording_duration, Some(329));
    assert!(callback.call.call_status.as_ref().is_some_and(CallStatus::is_terminal));
    assert_eq!(callback.call.other.iter().collect::<Vec<_>>(), [("New", "1")]);

    let first = CallStatusCallback::from_form(&form("CallSid=CA01&SequenceNumber=0"))?;
    assert_eq!(first.sequence_number, Some(0));
    Ok(())
}

#[test]
fn detection_tells_who_answered() -> Result<(), FormError> {
    let result = AmdResult::from_form(&form(
        "AnsweredBy=machine_end_beep&CallSid=CA1234567890abcdef&MachineDetectionDuration=4123",
    ))?;
    assert_eq!(result.answered_by, AnsweredBy::MachineEndBeep);
    assert!(result.answered_by.is_machine());
    assert_eq!(result.machine_detection_duration, Some(4_123));
    let missing = AmdResult::from_form(&form("CallSid=CA01"));
    assert_eq!(missing, Err(FormError::Missing { name: "AnsweredBy" }));
    Ok(())
}

#[test]
fn a_conference_event_takes_either_spelling_of_time() -> Result<(), FormError> {
    let event = ConferenceEvent::from_form(&form(
        "ConferenceSid=CF1234567890abcdef&FriendlyName=call_uuid\
         &StatusCallbackEvent=participant-join&Timestamp=2024-01-15T10%3A30%3A00Z",
    ))?;
    assert_eq!(event.event, ConferenceEventKind::ParticipantJoin);
    assert_eq!(event.timestamp.map(|time| time.timestamp()), Some(1_705_314_600));

    let event = ConferenceEvent::from_form(&form(
        "ConferenceSid=CF01&StatusCallbackEvent=participant-leave&CallSid=CA01&Muted=false\
         &Hold=true&Coaching=maybe&EndConferenceOnExit=true&StartConferenceOnEnter=true\
         &ParticipantLabel=agent&ParticipantCallStatus=completed\
         &ReasonParticipantLeft=participant_hung_up&SequenceNumber=4\
         &Timestamp=Mon%2C+15+Jan+2024+10%3A30%3A00+%2B0000",
    ))?;
    assert_eq!((event.muted, event.hold, event.coaching), (Some(false), Some(true), None));
    assert_eq!(event.other.get("Coaching"), Some("maybe"));
    assert_eq!(event.participant_call_status, Some(CallStatus::Completed));
    assert_eq!(event.timestamp.map(|time| time.timestamp()), Some(1_705_314_600));
    Ok(())
}

#[test]
fn a_recording_event_tells_where_the_file_is() -> Result<(), FormError> {
    let event = RecordingEvent::from_form(&form(
        "RecordingSid=RE01&CallSid=CA01&RecordingStatus=completed&RecordingDuration=12\
         &RecordingChannels=2&RecordingSource=StartCallRecordingAPI&RecordingTrack=both\
         &RecordingUrl=https%3A%2F%2Fapi.example%2FRE01\
         &RecordingStartTime=Wed%2C+02+Oct+2024+12%3A00%3A01+%2B0000",
    ))?;
    assert_eq!(event.status, Some(RecordingState::Completed));
    assert_eq!(event.source, Some(RecordingSource::CallRecording));
    assert_eq!(event.channels, Some(2));
    assert_eq!(event.url.as_deref(), Some("https://api.example/RE01"));
    assert!(event.start_time.is_some());
    Ok(())
}

#[test]
fn a_message_brings_its_files() -> Result<(), FormError> {
    let message = IncomingMessage::from_form(&form(
        "MessageSid=MM01&SmsSid=MM01&SmsMessageSid=MM01&From=%2B14158675309&To=%2B18005551212\
         &Body=+hi+%0A&NumMedia=2&NumSegments=1&SmsStatus=received&MediaUrl0=https%3A%2F%2Fm%2F0\
         &MediaContentType0=image%2Fjpeg&MediaUrl1=https%3A%2F%2Fm%2F1&OptOutType=STOP&WaId=1",
    ))?;
    assert_eq!(message.body.expose(), " hi \n");
    let media = |url: &str, content_type: Option<&str>| Media {
        url: url.to_owned(),
        content_type: content_type.map(str::to_owned),
    };
    assert_eq!(
        message.media,
        [media("https://m/0", Some("image/jpeg")), media("https://m/1", None)]
    );
    assert_eq!(message.opt_out_type, Some(OptOut::Stop));
    assert_eq!(message.status, Some(MessageState::Received));
    assert!(!format!("{message:?}").contains("hi \\n"));
    Ok(())
}

#[test]
fn a_message_may_be_empty_oddly_numbered_or_named_the_old_way() -> Result<(), FormError> {
    let message = IncomingMessage::from_form(&form("SmsSid=SM01&NumMedia=4000000000"))?;
    assert_eq!(message.message_sid.as_str(), "SM01");
    assert_eq!(message.body.expose(), "");
    assert!(message.media.is_empty());
    let missing = IncomingMessage::from_form(&form("Body=hi"));
    assert_eq!(missing, Err(FormError::Missing { name: "MessageSid" }));
    Ok(())
}

#[test]
fn a_messages_status_says_why_it_failed() -> Result<(), FormError> {
    let status = MessageStatus::from_form(&form(
        "MessageSid=SM01&MessageStatus=undelivered&SmsStatus=undelivered&ErrorCode=30003&To=%2B1",
    ))?;
    assert_eq!((status.status, status.error_code), (MessageState::Undelivered, Some(30_003)));
    let old = MessageStatus::from_form(&form("SmsSid=SM01&SmsStatus=sent"))?;
    assert!(!old.status.is_terminal());
    let missing = MessageStatus::from_form(&form("SmsSid=SM01"));
    assert_eq!(missing, Err(FormError::Missing { name: "MessageStatus" }));
    Ok(())
}

#[test]
fn a_stream_event_tells_its_error() -> Result<(), FormError> {
    let event = StreamEvent::from_form(&form(
        "AccountSid=AC01&CallSid=CA01&StreamSid=MZ01&StreamName=audio&StreamEvent=stream-error\
         &StreamError=refused&Timestamp=2024-10-02T12%3A00%3A01.250Z",
    ))?;
    assert_eq!(event.event, StreamEventKind::Error);
    assert_eq!(event.error.as_deref(), Some("refused"));
    assert_eq!(event.timestamp.map(|time| time.timestamp_millis()), Some(1_727_870_401_250));
    Ok(())
}

#[test]
fn what_a_verb_found_is_read_beside_the_request() {
    let gathered = GatherResult::from_form(&form("CallSid=CA01&Digits=&Confidence=1.5"));
    assert_eq!(gathered.digits.as_ref().map(|digits| digits.expose()), Some(""));
    assert_eq!(gathered.confidence, None);
    let spoken = GatherResult::from_form(&form("SpeechResult=yes+please&Confidence=0.91"));
    assert_eq!(spoken.speech.as_ref().map(|speech| speech.expose()), Some("yes please"));
    assert_eq!(spoken.confidence, Some(0.91));

    let dialled = DialResult::from_form(&form(
        "DialCallStatus=no-answer&DialCallSid=CA02&DialCallDuration=0&DialBridged=false",
    ));
    assert_eq!((dialled.status, dialled.bridged), (Some(DialStatus::NoAnswer), Some(false)));

    let recorded = RecordResult::from_form(&form(
        "RecordingUrl=https%3A%2F%2Fa%2FRE01&RecordingDuration=9&Digits=hangup",
    ));
    assert_eq!((recorded.duration, recorded.ended_by.as_deref()), (Some(9), Some("hangup")));

    let queued = QueueResult::from_form(&form("QueueResult=queue-full&QueueTime=61"));
    assert_eq!((queued.outcome, queued.time), (Some(QueueOutcome::QueueFull), Some(61)));
}

/// Names that some request knows, so that arbitrary values reach its parsers.
const NAMES: [&str; 24] = [
    "CallSid",
    "AccountSid",
    "From",
    "To",
    "CallStatus",
    "Direction",
    "AnsweredBy",
    "MachineDetectionDuration",
    "SequenceNumber",
    "Timestamp",
    "CallDuration",
    "SipResponseCode",
    "ConferenceSid",
    "StatusCallbackEvent",
    "Muted",
    "RecordingSid",
    "RecordingStartTime",
    "MessageSid",
    "NumMedia",
    "MediaUrl0",
    "StreamSid",
    "StreamEvent",
    "Confidence",
    "Digits",
];

proptest! {
    #[test]
    fn no_request_makes_a_reader_panic(
        pairs in prop::collection::vec(
            (
                prop::sample::select(NAMES.as_slice()),
                prop_oneof![any::<String>(), "[A-Z]{2}[0-9a-f]{0,34}", "-?[0-9]{0,24}"],
            ),
            0..30,
        ),
    ) {
        let form: Form = pairs.into_iter().collect();
        let call = VoiceRequest::from_form(&form);
        // A call's identifier that parses is all that is needed.
        let identified = form.get("CallSid").is_some_and(|sid| sid.parse::<twiml::CallSid>().is_ok());
        prop_assert_eq!(call.is_ok(), identified);
        let _ = CallStatusCallback::from_form(&form);
        let _ = AmdResult::from_form(&form);
        let _ = ConferenceEvent::from_form(&form);
        let _ = RecordingEvent::from_form(&form);
        let _ = IncomingMessage::from_form(&form);
        let _ = MessageStatus::from_form(&form);
        let _ = StreamEvent::from_form(&form);
        let _ = GatherResult::from_form(&form);
        let _ = DialResult::from_form(&form);
        let _ = RecordResult::from_form(&form);
        let _ = QueueResult::from_form(&form);
    }
}
