//! `X-Twilio-Signature`: checked on what comes in, made for what our own tools send.
//!
//! The carrier signs the address that it was told, not the one that arrives after proxies, so a
//! caller of this module rebuilds the address from its configured public base and the raw path
//! and query. Which spellings of one address are accepted (port, credentials, trailing slash) is
//! said in one place, the private module `url` below this one.
//!
//! A signature on a fixed address is the same for every call. On the socket's upgrade it proves
//! only that the carrier once connected there: ask for a one-shot token as well.

mod url;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet},
};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    hmac,
};
use base64_simd::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::Form;
pub use url::carrier_spelling;

/// The header's name, as the carrier writes it. Compare without regard to case.
pub const HEADER: &str = "X-Twilio-Signature";

/// The query parameter that binds a JSON body to the signed address.
const BODY_HASH: &str = "bodySHA256";

/// Why a request is not believed to be the carrier's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Usually not the carrier at all; its own middleware answers 400.
    #[error("the request carries no signature")]
    Missing,
    /// A wrong token, a wrong public address, or a forgery; answered with 403.
    #[error("the signature does not match the request under any accepted token")]
    Mismatch,
    #[error("the address of the JSON request has no bodySHA256")]
    NoBodyHash,
    #[error("the JSON body is not the one that was signed")]
    BodyMismatch,
}

/// Signs as the carrier does, with one account's token.
#[derive(Clone)]
pub struct Signer {
    key: hmac::Key,
}

/// A signed address: the one to request, and the header to send with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub url: String,
    pub signature: String,
}

impl Signer {
    pub fn new(auth_token: &SecretString) -> Self {
        let token = auth_token.expose_secret().as_bytes();
        Self { key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token) }
    }

    /// For a POST of `form` to `url`. The address is signed as it is given, without its fragment:
    /// for a voice webhook, give it in the [`carrier_spelling`].
    pub fn sign_form(&self, url: &str, form: &Form) -> String {
        self.sign(url::without_fragment(url), &signed_fields(form))
    }

    /// For a GET, whose parameters are all in the address.
    pub fn sign_get(&self, url: &str) -> String {
        self.sign(url::without_fragment(url), "")
    }

    /// For a POST of a JSON `body`: the address gains the body's hash, unless it has one.
    pub fn sign_json(&self, url: &str, body: &[u8]) -> Signed {
        let mut url = url::without_fragment(url).to_owned();
        if url::query_value(&url, BODY_HASH).is_none() {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{BODY_HASH}={}", body_hash(body)));
        }
        Signed { signature: self.sign_get(&url), url }
    }

    /// For the upgrade of a socket at a `ws://` or `wss://` address.
    pub fn sign_upgrade(&self, url: &str) -> String {
        self.sign_get(url)
    }

    fn sign(&self, url: &str, fields: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(url.as_bytes());
        context.update(fields.as_bytes());
        STANDARD.encode_to_string(context.sign())
    }
}

/// Checks signatures against every token that is valid now: more than one while an account's
/// token is being replaced.
#[derive(Clone)]
pub struct Validator {
    signers: Vec<Signer>,
    https_upgrades: bool,
}

impl Validator {
    /// An empty token is left out, because anyone could sign with it. With no token at all
    /// nothing is believed.
    pub fn new<T: Borrow<SecretString>>(auth_tokens: impl IntoIterator<Item = T>) -> Self {
        let usable = |token: &T| !token.borrow().expose_secret().is_empty();
        let signers = auth_tokens.into_iter().filter(usable).map(|t| Signer::new(t.borrow()));
        let signers = signers.collect();
        Self { signers, https_upgrades: false }
    }

    /// Also believes an upgrade that was signed with `https` (or `http`) in place of `wss` (`ws`).
    /// Off unless set: whether the carrier ever does that is unproven.
    #[must_use]
    pub fn accept_https_upgrades(mut self, accept: bool) -> Self {
        self.https_upgrades = accept;
        self
    }

    /// A POST of a form to `url`: the public address with its raw query.
    pub fn validate_form(
        &self,
        url: &str,
        form: &Form,
        header: Option<&str>,
    ) -> Result<(), SignatureError> {
        self.validate(&url::webhook_candidates(url), &signed_fields(form), header)
    }

    /// A GET of `url`: the public address with its raw query.
    pub fn validate_get(&self, url: &str, header: Option<&str>) -> Result<(), SignatureError> {
        self.validate(&url::webhook_candidates(url), "", header)
    }

    /// A POST of a JSON body to `url`, whose query must hold the body's hash.
    pub fn validate_json(
        &self,
        url: &str,
        body: &[u8],
        header: Option<&str>,
    ) -> Result<(), SignatureError> {
        // The signature first: until it holds, the hash in the address is anyone's word.
        self.validate_get(url, header)?;
        let told = url::query_value(url, BODY_HASH).ok_or(SignatureError::NoBodyHash)?;
        verify_slices_are_equal(told.as_bytes(), body_hash(body).as_bytes())
            .map_err(|_| SignatureError::BodyMismatch)
    }

    /// The upgrade of a socket whose public address is `url`, `wss://` or `ws://`.
    pub fn validate_upgrade(&self, url: &str, header: Option<&str>) -> Result<(), SignatureError> {
        self.validate(&url::upgrade_candidates(url, self.https_upgrades), "", header)
    }

    fn validate(
        &self,
        candidates: &[String],
        fields: &str,
        header: Option<&str>,
    ) -> Result<(), SignatureError> {
        let header = header.filter(|header| !header.is_empty()).ok_or(SignatureError::Missing)?;
        let holds = self.signers.iter().any(|signer| {
            candidates.iter().any(|url| {
                let expected = signer.sign(url, fields);
                verify_slices_are_equal(expected.as_bytes(), header.as_bytes()).is_ok()
            })
        });
        if holds { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

/// How many tokens, never which.
impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Validator")
            .field("tokens", &self.signers.len())
            .field("https_upgrades", &self.https_upgrades)
            .finish()
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

/// What of a form is signed: each name with each of its values, both sorted by their bytes, equal
/// values once, nothing between them.
fn signed_fields(form: &Form) -> String {
    let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in form.iter() {
        fields.entry(name).or_default().insert(value);
    }
    let mut text = String::new();
    for (name, values) in fields {
        for value in values {
            text.push_str(name);
            text.push_str(value);
        }
    }
    text
}

fn body_hash(body: &[u8]) -> String {
    digest(&SHA256, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
