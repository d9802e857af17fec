//! Calls told as timelines, by theme. Each is named by the behaviour it shows. Times are in ms from
//! the answer of the call.

mod sim;

mod scenarios {
    mod answering;
    mod barge_in;
    mod corners;
    mod echoed;
    mod ending;
    mod greeting;
    mod idle;
    mod keys;
    mod line;
    mod listening;
    mod machines;
    mod outage;
    mod patience;
    mod person;
    mod russian;
    mod said_once;
    mod speculation;
    mod supervision;
    mod tools;
    mod voice;
    mod voiced;
}
