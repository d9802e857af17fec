//! The carrier's signature over known requests: made as the carrier makes it, believed as its own
//! libraries believe it, and not believed once anything is changed.

use secrecy::SecretString;
use twiml::{Form, SignatureError, Signer, Validator, signature::carrier_spelling};

const TOKEN: &str = "12345";
const U: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
const P: &[(&str, &str)] = &[
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
];
const HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
const BODY: &str = r#"{"property": "value", "boolean": true}"#;

/// What is signed, and how the server sees the address where that differs.
struct Vector {
    row: u8,
    signed: String,
    seen: Option<&'static str>,
    fields: Vec<(&'static str, &'static str)>,
    signature: &'static str,
}

fn vector(
    row: u8,
    signed: impl Into<String>,
    fields: &[(&'static str, &'static str)],
    signature: &'static str,
) -> Vector {
    Vector { row, signed: signed.into(), seen: None, fields: fields.to_vec(), signature }
}

/// Rows of posted forms, and 14, whose GET signs the same text as an empty form.
fn form_vectors() -> Vec<Vector> {
    let caller_23 = [P[0], ("Caller", "+14158675310"), P[2], ("From", "+14158675310"), P[4]];
    let mut vectors = vec![
        vector(1, U, P, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        vector(
            2,
            "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
            P,
            "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
        ),
        vector(
            3,
            "https://mycompany.com:443/myapp.php?foo=1&bar=2",
            P,
            "kvajT1Ptam85bY51eRf/AJRuM3w=",
        ),
        vector(
            4,
            "http://mycompany.com:80/myapp.php?foo=1&bar=2",
            P,
            "0ZXoZLH/DfblKGATFgpif+LLRf4=",
        ),
        vector(
            5,
            "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
            P,
            "CukzLTc1tT5dXEDIHm/tKBanW10=",
        ),
        vector(
            6,
            "https://user@mycompany.com/myapp.php?foo=1&bar=2",
            P,
            "2YRLlVAflCqxaNicjMpJcSTgzSs=",
        ),
        vector(
            7,
            "https://user:pass@mycompany.com:443/myapp.php?foo=1&bar=2",
            P,
            "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=",
        ),
        vector(8, format!("{U}&Body=It%27s+amazing"), P, "TfZzewPq8wqrGlMfyAud8+/IvJ0="),
        vector(
            9,
            U,
            &[
                ("MessagingBinding.Address", "+1415xxxxxxx"),
                ("MessagingBinding.Address", "+1325xxxxxxx"),
            ],
            "83O6e2vORAoJHUNzJjDWN1jz+BA=",
        ),
        vector(
            10,
            U,
            &[
                ("Sid", "CA123"),
                ("SidAccount", "AC123"),
                ("Digits", "5678"),
                ("Digits", "1234"),
                ("Digits", "1234"),
            ],
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
        vector(14, U, &[], "zYQTYrRWXE7LtzbG4PfP7/bkkGo="),
        vector(15, "https://mycompany.com/myapp.php", P, "1xaxFBvyzXYvWplzNOSs28HWO94="),
        vector(
            16,
            "https://mycompany.com/myapp.php?foo=hello%20world&bar=test%2Bvalue",
            P,
            "er2tvAP1Wx+iuTTE2BPgvEaN1cs=",
        ),
        vector(
            17,
            U,
            &[
                ("Message", "Hello & goodbye! @#$%^*()"),
                ("From", "+1 (415) 867-5309"),
                ("Special", "unicode: ñáéíóú"),
            ],
            "dCPiR4WtQ6QFN6pJh81CtlCcWLQ=",
        ),
        vector(
            18,
            U,
            &[("Digits", ""), ("CallSid", "CA1234567890ABCDE"), ("EmptyParam", "")],
            "9HHp/OqQMEwdrVebHDdA/+tqjX8=",
        ),
        vector(
            19,
            U,
            &[("Zebra", "last"), ("Alpha", "first"), ("Beta", "second"), ("Gamma", "third")],
            "enveUe73ZTVLAekHxez3Qx6JuuQ=",
        ),
        vector(
            20,
            U,
            &[("callSid", "lowercase"), ("CallSid", "uppercase"), ("CALLSID", "allcaps")],
            "jDK7WKT8wiNrwggd4ceTv4e1MJ4=",
        ),
        vector(
            21,
            "https://mycompany.com/webhook/España?año=2023",
            P,
            "G/Hx6mqqnjUNlPAoi2Sp9bGst0g=",
        ),
        vector(
            22,
            "https://mycompany.com:443//myapp.php?foo=1&bar=2",
            P,
            "A9lH3u16NjyiiM/+wylw5rirFUs=",
        ),
        vector(
            23,
            "https://example.com/myapp.php?foo=1&bar=2",
            &caller_23,
            "L/OH5YylLD5NRKLltdqwSvS0BnU=",
        ),
    ];
    for vector in &mut vectors {
        vector.seen = match vector.row {
            3 => Some(U),
            4 => Some("http://mycompany.com/myapp.php?foo=1&bar=2"),
            7 => Some("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2"),
            22 => Some("https://mycompany.com//myapp.php?foo=1&bar=2"),
            _ => None,
        };
    }
    vectors
}

fn secret(token: &str) -> SecretString {
    SecretString::from(token)
}

fn signer() -> Signer {
    Signer::new(&secret(TOKEN))
}

fn validator() -> Validator {
    Validator::new([secret(TOKEN)])
}

fn form(fields: &[(&str, &str)]) -> Form {
    fields.iter().copied().collect()
}

#[test]
fn forms_are_signed_and_believed_as_the_carrier_signs_them() {
    for Vector { row, signed, seen, fields, signature } in form_vectors() {
        let form = form(&fields);
        assert_eq!(signer().sign_form(&signed, &form), signature, "row {row}");
        for url in [Some(signed.as_str()), seen].into_iter().flatten() {
            let believed = validator().validate_form(url, &form, Some(signature));
            assert_eq!(believed, Ok(()), "row {row} at {url}");
        }
    }
}

#[test]
fn order_and_repeats_of_fields_do_not_matter_and_the_wire_form_is_the_same() {
    for Vector { row, signed, fields, signature, .. } in form_vectors() {
        let mut turned = fields.clone();
        turned.reverse();
        turned.extend_from_slice(&fields);
        let form = Form::parse(form(&turned).encode().as_bytes()).expect("a form");
        assert_eq!(signer().sign_form(&signed, &form), signature, "row {row}");
    }
}

#[test]
fn anything_changed_is_not_believed() {
    let refused = |url: &str, form: &Form, signature: &str, row: u8| {
        let found = validator().validate_form(url, form, Some(signature));
        assert_eq!(found, Err(SignatureError::Mismatch), "row {row} at {url}");
    };
    for Vector { row, signed, fields, signature, .. } in form_vectors() {
        let form = form(&fields);
        // One byte of the signature.
        for at in 0..signature.len() {
            let mut changed = signature.as_bytes().to_vec();
            changed[at] ^= 1;
            refused(&signed, &form, &String::from_utf8(changed).expect("ASCII"), row);
        }
        refused(&signed, &form, &signature[..signature.len() - 1], row);
        refused(&signed, &form, &format!("{signature} "), row);
        // One byte of the address.
        refused(&format!("{signed}x"), &form, signature, row);
        refused(&signed.replacen("my", "mi", 1).replacen("ex", "ix", 1), &form, signature, row);
        // A field more, less, or changed.
        refused(&signed, &form.clone().with("AddOns", ""), signature, row);
        for at in 0..fields.len() {
            let mut fewer = fields.clone();
            let gone = fewer.remove(at);
            if !fewer.contains(&gone) {
                refused(&signed, &self::form(&fewer), signature, row);
            }
            let mut changed: Vec<(String, String)> =
                fields.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            changed[at].1.push(' ');
            refused(&signed, &changed.into_iter().collect(), signature, row);
        }
        // Another token.
        let other = Validator::new([secret("12346"), secret("")]);
        let found = other.validate_form(&signed, &form, Some(signature));
        assert_eq!(found, Err(SignatureError::Mismatch), "row {row}");
    }
}

#[test]
fn a_port_that_the_carrier_drops_is_accepted() {
    // Row 1, where the server's own address has a port.
    let url = "https://mycompany.com:1234/myapp.php?foo=1&bar=2";
    let found = validator().validate_form(url, &form(P), Some("RSOYDt4T1cUTdK1PDd93/VVr8B8="));
    assert_eq!(found, Ok(()));
    // The reverse is not: a port that is not the scheme's own was signed, and none is seen.
    let found = validator().validate_form(
        "http://mycompany.com/myapp.php?foo=1&bar=2",
        &form(P),
        Some("Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
    );
    assert_eq!(found, Err(SignatureError::Mismatch));
}

#[test]
fn credentials_and_fragment_are_not_signed_by_the_carrier() {
    let url = "https://user:pass@mycompany.com:8443/myapp.php?foo=1&bar=2#rc=2&rp=all";
    let row_1 = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    assert_eq!(carrier_spelling(url), U);
    assert_eq!(signer().sign_form(&carrier_spelling(url), &form(P)), row_1);
    assert_eq!(validator().validate_form(url, &form(P), Some(row_1)), Ok(()));
}

#[test]
fn json_bodies_are_bound_by_their_hash() {
    let rows = [
        (11, U, format!("{U}&bodySHA256={HASH}"), BODY, "a9nBmqA0ju/hNViExpshrM61xv4="),
        (
            12,
            "https://mycompany.com/myapp.php",
            format!("https://mycompany.com/myapp.php?bodySHA256={HASH}"),
            BODY,
            "y77kIzt2vzLz71DgmJGsen2scGs=",
        ),
        (
            13,
            "https://mycompany.com:443/myapp.php?foo=1&bar=2",
            "https://mycompany.com:443/myapp.php?foo=1&bar=2&bodySHA256=\
             44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
                .to_owned(),
            "{}",
            "Ldidvp12m26NI7eqEvxnEpkd9Hc=",
        ),
    ];
    for (row, plain, url, body, signature) in rows {
        let signed = signer().sign_json(plain, body.as_bytes());
        assert_eq!((signed.url.as_str(), signed.signature.as_str()), (url.as_str(), signature));
        // An address that already has the hash is signed as it is.
        assert_eq!(signer().sign_json(&url, body.as_bytes()), signed, "row {row}");
        let validate = |url: &str, body: &str| {
            validator().validate_json(url, body.as_bytes(), Some(signature))
        };
        assert_eq!(validate(&url, body), Ok(()), "row {row}");
        assert_eq!(validate(&url.replace(":443", ""), body), Ok(()), "row {row}");
        let changed = format!("{body} ");
        assert_eq!(validate(&url, &changed), Err(SignatureError::BodyMismatch), "row {row}");
        assert_eq!(validate(plain, body), Err(SignatureError::Mismatch), "row {row}");
        let missing = validator().validate_json(&url, body.as_bytes(), None);
        assert_eq!(missing, Err(SignatureError::Missing));
    }
    // A true signature over an address without a hash says nothing about the body.
    let found = validator().validate_json(U, b"{}", Some("zYQTYrRWXE7LtzbG4PfP7/bkkGo="));
    assert_eq!(found, Err(SignatureError::NoBodyHash));
}

#[test]
fn upgrades_are_believed_with_or_without_slash_and_port() {
    let rows = [
        (24, "wss://example.com/media", "7PR3qMkpDyEJtMrVOY/LDyNq8J8="),
        (25, "wss://example.com/media/", "T+WBXwUXC0/CyoZ1DA+p9ilZORs="),
        (26, "wss://example.com:443/media", "zyyJQiPZXIGCLy3HYdHEfry0yDg="),
    ];
    for (row, url, signature) in rows {
        assert_eq!(signer().sign_upgrade(url), signature, "row {row}");
        for (_, seen, _) in rows {
            let found = validator().validate_upgrade(seen, Some(signature));
            assert_eq!(found, Ok(()), "row {row} at {seen}");
        }
        let found = validator().validate_upgrade("wss://example.com/other", Some(signature));
        assert_eq!(found, Err(SignatureError::Mismatch), "row {row}");
        let found = validator().validate_upgrade("ws://example.com/media", Some(signature));
        assert_eq!(found, Err(SignatureError::Mismatch), "row {row}");
    }
    let found = validator().validate_upgrade("wss://example.com/media", None);
    assert_eq!(found, Err(SignatureError::Missing));
}

#[test]
fn an_upgrade_signed_as_https_is_believed_only_if_asked_for() {
    let (url, signature) = ("https://example.com/media", "6HZQ7Cq/dSYDCAiy3qRA6PZfACI=");
    assert_eq!(signer().sign_get(url), signature, "row 27");
    assert_eq!(validator().validate_get(url, Some(signature)), Ok(()), "row 27");
    let seen = "wss://example.com/media";
    let strict = validator().validate_upgrade(seen, Some(signature));
    assert_eq!(strict, Err(SignatureError::Mismatch));
    let lenient = validator().accept_https_upgrades(true);
    assert_eq!(lenient.validate_upgrade(seen, Some(signature)), Ok(()));
}

#[test]
fn each_of_several_tokens_is_believed() {
    // Row 28.
    let url = "https://example.com/voice/inbound?tenant=7";
    let zeros = "0".repeat(31);
    let form = Form::default()
        .with("AccountSid", format!("AC{zeros}1"))
        .with("CallSid", format!("CA{zeros}1"))
        .with("From", "+15005550006")
        .with("To", "+15005550001");
    let signature = "x1uZz/i1rh7TkTxEZ5yn3uSgvC4=";
    assert_eq!(Signer::new(&secret("secret")).sign_form(url, &form), signature);
    let rotating = Validator::new([secret(TOKEN), secret("secret")]);
    assert_eq!(rotating.validate_form(url, &form, Some(signature)), Ok(()));
    let with_old = signer().sign_form(url, &form);
    assert_eq!(rotating.validate_form(url, &form, Some(&with_old)), Ok(()));
    let found = validator().validate_form(url, &form, Some(signature));
    assert_eq!(found, Err(SignatureError::Mismatch));
}

#[test]
fn no_header_is_not_a_wrong_one() {
    for header in [None, Some("")] {
        let found = validator().validate_get(U, header);
        assert_eq!(found, Err(SignatureError::Missing));
    }
}

#[test]
fn an_empty_token_believes_nothing() {
    let empty = secret("");
    let forged = Signer::new(&empty).sign_get(U);
    for validator in [Validator::new([&empty]), Validator::new::<SecretString>([])] {
        let found = validator.validate_get(U, Some(&forged));
        assert_eq!(found, Err(SignatureError::Mismatch));
    }
}

#[test]
fn debug_shows_no_token() {
    assert_eq!(format!("{:?}", validator()), "Validator { tokens: 1, https_upgrades: false }");
    assert_eq!(format!("{:?}", signer()), "Signer");
}
