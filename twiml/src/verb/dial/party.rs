//! What the parties of a dial have in common.

use super::{Client, Number, Sip};
use crate::xml::Element;

/// What a dial can ring.
#[derive(Clone, Debug)]
pub enum Party {
    Number(Number),
    Client(Client),
    Sip(Sip),
}

impl Party {
    pub(super) fn into_element(self) -> Element {
        match self {
            Self::Number(number) => number.element,
            Self::Client(client) => client.element,
            Self::Sip(sip) => sip.element,
        }
    }
}

/// The attributes of every party, and that it is one.
macro_rules! party {
    ($type:ident) => {
        impl From<$type> for crate::verb::dial::Party {
            fn from(party: $type) -> Self {
                Self::$type(party)
            }
        }

        attributes! {
            impl $type {
                /// A document that runs on the called leg before the bridge, a *whisper*: see
                /// [`Response::whisper`](crate::Response::whisper).
                set whisper(crate::Link) => "url";
                /// How the whisper is asked for, POST unless set.
                set whisper_method(crate::verb::Method) => "method";
                /// Where the called leg's progress is told, and which of it; only its end if
                /// nothing is named.
                events status_callback(crate::verb::CallProgress)
                    => "statusCallback" "statusCallbackEvent";
                /// How that is sent, POST unless set.
                set status_callback_method(crate::verb::Method) => "statusCallbackMethod";
            }
        }
    };
}

/// Whether a machine answered: for parties behind a telephone network.
macro_rules! detects_machines {
    ($type:ty) => {
        attributes! {
            impl $type {
                /// Finds out who answered, not unless set.
                set machine_detection(crate::verb::MachineDetection) => "machineDetection";
                /// Seconds after which the answer is `unknown`, 3 to 60, 30 unless set.
                range machine_detection_timeout(3..=60) => "machineDetectionTimeout";
                /// Milliseconds of speech from which it is a machine's, 1000 to 6000, 2400 unless
                /// set.
                range machine_detection_speech_threshold(1_000..=6_000)
                    => "machineDetectionSpeechThreshold";
                /// Milliseconds of silence that end a greeting, 500 to 5000, 1200 unless set.
                range machine_detection_speech_end_threshold(500..=5_000)
                    => "machineDetectionSpeechEndThreshold";
                /// Milliseconds of first silence after which the answer is `unknown`, 2000 to
                /// 10 000, 5000 unless set.
                range machine_detection_silence_timeout(2_000..=10_000)
                    => "machineDetectionSilenceTimeout";
                /// Where the result is sent.
                set amd_status_callback(crate::Link) => "amdStatusCallback";
                /// How the result is sent, POST unless set.
                set amd_status_callback_method(crate::verb::Method) => "amdStatusCallbackMethod";
            }
        }
    };
}

pub(super) use {detects_machines, party};

words! {
    /// How answering machines are detected.
    MachineDetection {
        /// Tells as soon as it is known.
        Enable => "Enable",
        /// Waits for the end of a machine's greeting, to leave a message after it.
        DetectMessageEnd => "DetectMessageEnd",
    }
}
