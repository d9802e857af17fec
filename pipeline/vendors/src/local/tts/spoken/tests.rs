use super::*;

fn said(text: &str) -> String {
    spoken(text).iter().map(|part| part.words.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn figures_are_said_as_people_say_them() {
    for (written, expected) in [
        ("A cleaning is $95.", "A cleaning is ninety-five dollars."),
        (
            "It costs $1,250.50 now",
            "It costs one thousand two hundred fifty dollars and fifty cents now",
        ),
        ("about $2 million.", "about two million dollars."),
        ("Open 8:00 to 17:30", "Open eight o'clock to seventeen thirty"),
        ("at 8:05pm, or 9am?", "at eight oh five P.M., or nine A.M.?"),
        ("Call 555-0142.", "Call five five five, zero one four two."),
        ("Call (617) 555-0142.", "Call six one seven, five five five, zero one four two."),
        ("+16175550142", "one, six one seven, five five five, zero one four two"),
        ("March 3, 2026", "March third, twenty twenty-six"),
        ("on 3/14/2026", "on March fourteenth, twenty twenty-six"),
        ("the 21st", "the twenty-first"),
        ("a 20% rise", "a twenty percent rise"),
        ("rooms 8-6", "rooms eight to six"),
        ("It ends at 5 p.m.", "It ends at five p.m."),
        ("from 9am-1pm.", "from nine A.M. to one P.M."),
        ("on Dec. 25, or Jan 1st", "on December twenty-fifth, or January first"),
        ("Mon-Fri, or Sat–Sun", "Monday to Friday, or Saturday to Sunday"),
        ("take 500 mg, 1 ml.", "take five hundred milligrams, one milliliter."),
        (
            "23 °F or -5°C or 90°",
            "twenty-three degrees Fahrenheit or minus five degrees Celsius or ninety degrees",
        ),
        ("99¢ or ¥500", "ninety-nine cents or five hundred yen"),
        ("1600 Pennsylvania Avenue", "sixteen hundred Pennsylvania Avenue"),
        ("code AB12-C345", "code AB twelve C three four five"),
        ("1/2 hour", "one half hour"),
        ("vitamin B12", "vitamin B twelve"),
        ("code 004721", "code zero zero four seven two one"),
        ("3.5 miles", "three point five miles"),
        ("5km away", "five kilometers away"),
        ("1,200 people", "one thousand two hundred people"),
    ] {
        assert_eq!(said(written), expected);
    }
}

#[test]
fn abbreviations_and_symbols_are_words() {
    for (written, expected) in [
        ("Dr. Lee & Mrs. Ray", "doctor Lee and missus Ray"),
        ("12 River St. is near", "twelve River street is near"),
        ("No. 5", "number five"),
        ("I said no.", "I said no."),
        ("fruit, e.g. apples", "fruit, for example apples"),
        ("mail a.b@c-d.com", "mail a dot b at c dash d dot com"),
        ("see https://www.example.com/", "see example dot com"),
        ("**bold** [link](x)", "bold link"),
        ("Press # or *.", "Press pound or star."),
        ("order A1B2", "order ay one B two"),
        ("and/or", "and or"),
        ("Wait — what?", "Wait, what?"),
    ] {
        assert_eq!(said(written), expected);
    }
}

#[test]
fn each_stretch_knows_where_it_ends() {
    let text = "  Hi 👋 there,  it is $5 million.  ";
    let ends: Vec<&str> = spoken(text).iter().map(|part| &text[..part.text_end]).collect();
    assert_eq!(ends.last().unwrap(), &"  Hi 👋 there,  it is $5 million.");
    assert_eq!(ends[0], "  Hi 👋");
    assert!(spoken(" 👋 ").is_empty());
}

proptest::proptest! {
    #[test]
    fn any_text_can_be_said(text in ".{0,80}") {
        let mut last = 0;
        for part in spoken(&text) {
            proptest::prop_assert!(part.text_end > last || last == 0);
            proptest::prop_assert!(text.is_char_boundary(part.text_end));
            last = part.text_end;
        }
    }
}
