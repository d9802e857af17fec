"""The carrier's published library (PyPI: twilio) beside this crate.

Reads a JSON object from standard input: {"documents": folder, "token": text,
"requests": [{"url", "fields": [[name, value], ...], "body": JSON text instead of a form, "signature"}]}.
Prints one: {"documents": {name: why it is another one}, "requests": [{"valid": is the given signature right,
"signature": the library's own}]}.
"""

import json
import pathlib
import sys
from xml.etree.ElementTree import canonicalize

from twilio.request_validator import RequestValidator
from twilio.twiml import voice_response as twiml


def voice():
    return twiml.VoiceResponse()


def greet_then_stream():
    doc = voice()
    doc.say("One moment, please.")
    stream = twiml.Stream(url="wss://voice.example/media")
    stream.parameter(name="token", value="x")
    doc.connect(action="https://voice.example/resume?call=1&try=2").append(stream)
    return doc


def stream_then_goodbye():
    doc = voice()
    doc.connect().stream(url="wss://voice.example/media").parameter(name="call", value="CA01")
    doc.say("Goodbye.")
    doc.hangup()
    return doc


def listen_to_conference():
    doc = voice()
    doc.start().stream(
        url="wss://voice.example/listen",
        name="transcript",
        status_callback="https://voice.example/stream",
        track="both_tracks",
    )
    doc.dial(action="https://voice.example/after").conference(
        "call-17",
        start_conference_on_enter=True,
        end_conference_on_exit=False,
        participant_label="supervisor",
        coach="CA00000000000000000000000000000001",
        wait_url="",
        beep="false",
        status_callback="https://voice.example/room",
        status_callback_event="join leave",
    )
    return doc


def stop_stream():
    doc = voice()
    doc.stop().stream(name="transcript")
    doc.pause(length=60)
    return doc


def ring_parties():
    doc = voice()
    dial = doc.dial(
        caller_id="+15005550001",
        timeout=20,
        answer_on_bridge=True,
        record="record-from-answer-dual",
        recording_status_callback="https://voice.example/rec",
    )
    dial.number(
        "+15005550006",
        url="https://voice.example/whisper?lead=Ann%20Lee",
        machine_detection="Enable",
        machine_detection_timeout=10,
        amd_status_callback="https://voice.example/amd",
        status_callback="https://voice.example/leg",
        status_callback_event="initiated answered",
    )
    client = dial.client()
    client.identity("alice")
    client.parameter(name="lead", value="Ann & Bob")
    dial.sip("sip:desk@pbx.example?x-a=1&x-b=2", username="user", password='p"w')
    doc.say("No one is free.")
    return doc


def whisper():
    doc = voice()
    gather = doc.gather(action="https://voice.example/accept", num_digits=1, timeout=8)
    gather.say("A call from Ann <vip> & co. Press 1.")
    gather.pause()
    doc.hangup()
    return doc


def menu():
    doc = voice()
    doc.gather(
        action="/menu",
        method="POST",
        input="dtmf speech",
        hints="sales,support",
        finish_on_key="",
        speech_timeout="auto",
        action_on_empty_result=True,
    ).play("https://voice.example/menu.wav")
    return doc


def voicemail():
    doc = voice()
    doc.say("After the beep, please.", voice="Polly.Joanna-Neural")
    doc.record(
        action="https://voice.example/voicemail",
        max_length=120,
        finish_on_key="*#",
        play_beep=True,
        transcribe=True,
        transcribe_callback="https://voice.example/transcript",
    )
    doc.say("I heard nothing.")
    doc.hangup()
    return doc


def enqueue():
    doc = voice()
    doc.enqueue("support", wait_url="/wait", action="/served", method="POST")
    return doc


def queue_wait():
    doc = voice()
    doc.play("https://voice.example/music.wav", loop=2)
    doc.leave()
    return doc


def serve_queue():
    doc = voice()
    doc.dial().queue("support", url="/connecting")
    doc.redirect("/next-caller")
    return doc


def busy():
    doc = voice()
    doc.reject(reason="busy")
    return doc


def empty():
    return voice()


def tones():
    doc = voice()
    doc.play(digits="ww1234#")
    doc.hangup()
    return doc


DOCUMENTS = [
    greet_then_stream, stream_then_goodbye, listen_to_conference, stop_stream, ring_parties, whisper,
    menu, voicemail, enqueue, queue_wait, serve_queue, busy, empty, tones,
]


def differences(folder):
    """Documents that are not the library's, attributes in any order."""
    files = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.xml")}
    found = {}
    for build in DOCUMENTS:
        name = build.__name__.replace("_", "-")
        ours, theirs = canonicalize(files.pop(name, "<none/>")), canonicalize(str(build()))
        if ours.strip() != theirs.strip():
            found[name] = {"ours": ours, "library": theirs}
    found.update({name: "the library was not asked" for name in files})
    return found


class Fields(dict):
    """A form's fields as web frameworks hand them to the library: a field may have come more than once."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name):
        return self[name]


def judged(validator, request):
    url, fields = request["url"], Fields(request["fields"])
    valid = validator.validate(url, request.get("body", fields), request["signature"])
    return {"valid": valid, "signature": validator.compute_signature(url, fields)}


asked = json.load(sys.stdin)
validator = RequestValidator(asked["token"])
print(json.dumps({
    "documents": differences(pathlib.Path(asked["documents"])),
    "requests": [judged(validator, request) for request in asked["requests"]],
}))
