//! TLS for the client's end, for a host that has WebAssembly and nothing else: `rustls` with `ring`, no sockets, no
//! JavaScript glue. The host carries the bytes.
//!
//! The interface is plain numbers. Configurations and connections have handles, which are never used twice. All bytes go
//! through one buffer of fixed size ([`buffer`]): the host writes there before a call and reads there after it, and tells
//! or is told a length. So no pointer of the host's is ever followed.
//!
//! A function that can fail gives a negative number, one of [`failure`], and leaves what it is about in the text that
//! [`detail`] gives. The host imports are `env.random` and `env.now`.

mod failure;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use failure::{failure_of, Failure};
use rustls::client::{ClientConnection, Resumption};
use rustls::crypto::{ring, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CipherSuite, ClientConfig, HandshakeKind, RootCertStore};

/// Room for what is handed over in one call: four TLS records.
const BUFFER_BYTES: usize = 64 * 1024;

/// Servers whose sessions one configuration remembers.
const REMEMBERED_SERVERS: usize = 64;

/// Bits of [`state`].
const HANDSHAKING: i32 = 1;
const RESUMED: i32 = 2;
const ENDED: i32 = 4;

static mut BUFFER: [u8; BUFFER_BYTES] = [0; BUFFER_BYTES];

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::new(Engine::default());
}

/// What the peers and the certificates are held against. Cannot be changed once a connection was opened with it.
struct Config {
    roots: RootCertStore,
    alpn: Vec<Vec<u8>>,
    made: Option<Arc<ClientConfig>>,
}

impl Config {
    fn new() -> Self {
        Self {
            roots: RootCertStore::empty(),
            alpn: Vec::new(),
            made: None,
        }
    }

    fn made(&mut self) -> Result<Arc<ClientConfig>, Failure> {
        if self.roots.is_empty() {
            return Err(Failure::options("there is no root certificate"));
        }
        if let Some(made) = &self.made {
            return Ok(made.clone());
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failure_of(&error))?
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = self.alpn.clone();
        config.resumption = Resumption::in_memory_sessions(REMEMBERED_SERVERS);
        Ok(self.made.insert(Arc::new(config)).clone())
    }
}

/// ChaCha20-Poly1305 first: WebAssembly has no instructions for AES, without which it takes several times as long.
fn provider() -> CryptoProvider {
    let mut provider = ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| {
        !matches!(
            suite.suite(),
            CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        )
    });
    // The versions stay in their order, as the sort is stable only within each half.
    provider
        .cipher_suites
        .sort_by_key(|suite| suite.tls13().is_none());
    provider
}

#[derive(Default)]
struct Engine {
    configs: BTreeMap<i32, Config>,
    connections: BTreeMap<i32, ClientConnection>,
    handles: i32,
    detail: String,
}

impl Engine {
    fn handle(&mut self) -> i32 {
        self.handles += 1;
        self.handles
    }

    fn config(&mut self, handle: i32) -> Result<&mut Config, Failure> {
        let config = self.configs.get_mut(&handle);
        config.ok_or(Failure::call("no such configuration"))
    }

    fn open_config(&mut self, handle: i32) -> Result<&mut Config, Failure> {
        let config = self.config(handle)?;
        match config.made {
            None => Ok(config),
            Some(_) => Err(Failure::call("the configuration is in use")),
        }
    }

    fn connection(&mut self, handle: i32) -> Result<&mut ClientConnection, Failure> {
        let connection = self.connections.get_mut(&handle);
        connection.ok_or(Failure::call("no such connection"))
    }
}

/// Runs one call. Calls do not nest: neither import leads back here.
fn run(call: impl FnOnce(&mut Engine) -> Result<usize, Failure>) -> i32 {
    ENGINE.with(|engine| {
        let engine = &mut *engine.borrow_mut();
        match call(engine) {
            Ok(number) => number as i32,
            Err(Failure { code, detail }) => {
                engine.detail = detail;
                -(code as i32)
            }
        }
    })
}

/// What the host has put into the buffer.
fn given(length: usize) -> Result<&'static [u8], Failure> {
    // SAFETY: there is one thread, and who asks is done with it before the call ends; see `room`.
    let buffer = unsafe { &*std::ptr::addr_of!(BUFFER) };
    buffer
        .get(..length)
        .ok_or(Failure::call("more than the buffer holds"))
}

/// The buffer, to be filled for the host. No call uses both this and `given`.
fn room() -> &'static mut [u8] {
    // SAFETY: as for `given`.
    unsafe { &mut *std::ptr::addr_of_mut!(BUFFER) }
}

fn text(length: usize) -> Result<&'static str, Failure> {
    std::str::from_utf8(given(length)?).map_err(|_| Failure::options("it is not UTF-8"))
}

/// Where the buffer is.
#[no_mangle]
pub extern "C" fn buffer() -> *mut u8 {
    std::ptr::addr_of_mut!(BUFFER).cast()
}

/// How many bytes the buffer holds.
#[no_mangle]
pub extern "C" fn buffer_size() -> usize {
    BUFFER_BYTES
}

/// A new configuration, which trusts nobody. Gives its handle.
#[no_mangle]
pub extern "C" fn config_new() -> i32 {
    run(|engine| {
        let handle = engine.handle();
        engine.configs.insert(handle, Config::new());
        Ok(handle as usize)
    })
}

/// Trusts Mozilla's roots. Gives their number.
#[no_mangle]
pub extern "C" fn config_mozilla(config: i32) -> i32 {
    run(|engine| {
        let roots = webpki_roots::TLS_SERVER_ROOTS;
        let config = engine.open_config(config)?;
        config.roots.extend(roots.iter().cloned());
        Ok(roots.len())
    })
}

/// Trusts the certificate (DER) in the buffer.
#[no_mangle]
pub extern "C" fn config_root(config: i32, length: usize) -> i32 {
    run(|engine| {
        let der = CertificateDer::from(given(length)?);
        let config = engine.open_config(config)?;
        let added = config.roots.add(der);
        added.map_err(|error| Failure::options(&error.to_string()))?;
        Ok(0)
    })
}

/// Offers the application protocol in the buffer, after those before.
#[no_mangle]
pub extern "C" fn config_alpn(config: i32, length: usize) -> i32 {
    run(|engine| {
        let protocol = given(length)?;
        if !(1..=255).contains(&protocol.len()) {
            return Err(Failure::options("a protocol has 1 to 255 bytes"));
        }
        engine.open_config(config)?.alpn.push(protocol.to_vec());
        Ok(0)
    })
}

/// Forgets a configuration and its sessions; connections that were opened with it go on.
#[no_mangle]
pub extern "C" fn config_free(config: i32) -> i32 {
    run(|engine| {
        engine.config(config)?;
        engine.configs.remove(&config);
        Ok(0)
    })
}

/// A new connection to the server whose name (or IP address) is in the buffer. Gives its handle.
#[no_mangle]
pub extern "C" fn open(config: i32, length: usize) -> i32 {
    run(|engine| {
        let name = ServerName::try_from(text(length)?)
            .map_err(|_| Failure::options("it is no host name"))?
            .to_owned();
        let config = engine.config(config)?.made()?;
        let connection = ClientConnection::new(config, name).map_err(|error| failure_of(&error))?;
        let handle = engine.handle();
        engine.connections.insert(handle, connection);
        Ok(handle as usize)
    })
}

/// Forgets a connection.
#[no_mangle]
pub extern "C" fn close(connection: i32) -> i32 {
    run(|engine| {
        engine.connection(connection)?;
        engine.connections.remove(&connection);
        Ok(0)
    })
}

/// Takes bytes from the peer out of the buffer, and gives how many; not all of them where there is no room, or after the
/// peer's close_notify. What can be read must be read first. Fails for good: then there may be more to read, and to send.
#[no_mangle]
pub extern "C" fn receive(connection: i32, length: usize) -> i32 {
    run(|engine| {
        let mut bytes = given(length)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let connection = engine.connection(connection)?;
        let taken = connection
            .read_tls(&mut bytes)
            .map_err(|error| Failure::protocol(&error.to_string()))?;
        connection
            .process_new_packets()
            .map_err(|error| failure_of(&error))?;
        Ok(taken)
    })
}

/// The peer sends nothing more.
#[no_mangle]
pub extern "C" fn receive_end(connection: i32) -> i32 {
    run(|engine| {
        let connection = engine.connection(connection)?;
        let mut nothing: &[u8] = &[];
        // Nothing is read from a source that has nothing.
        let _ = connection.read_tls(&mut nothing);
        connection
            .process_new_packets()
            .map_err(|error| failure_of(&error))?;
        Ok(0)
    })
}

/// Fills the buffer with bytes for the peer, and gives how many; 0 if there are none for now.
#[no_mangle]
pub extern "C" fn send(connection: i32) -> i32 {
    run(|engine| {
        let connection = engine.connection(connection)?;
        let mut left = room();
        let mut sent = 0;
        while connection.wants_write() && !left.is_empty() {
            let written = connection.write_tls(&mut left);
            match written.map_err(|error| Failure::protocol(&error.to_string()))? {
                0 => break,
                count => sent += count,
            }
        }
        Ok(sent)
    })
}

/// Fills the buffer with the peer's plaintext, and gives how many bytes; 0 if there are none for now, or none any more
/// ([`state`] tells which). Fails with `truncated` if the peer's bytes have ended without a close_notify.
#[no_mangle]
pub extern "C" fn read(connection: i32) -> i32 {
    run(|engine| {
        let connection = engine.connection(connection)?;
        match connection.reader().read(room()) {
            Ok(count) => Ok(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(Failure::truncated()),
            Err(error) => Err(Failure::protocol(&error.to_string())),
        }
    })
}

/// Encrypts plaintext in the buffer, and gives how many bytes of it: not all, where what was encrypted before must be sent
/// first.
#[no_mangle]
pub extern "C" fn write(connection: i32, length: usize) -> i32 {
    run(|engine| {
        let bytes = given(length)?;
        let connection = engine.connection(connection)?;
        let written = connection.writer().write(bytes);
        written.map_err(|error| Failure::protocol(&error.to_string()))
    })
}

/// Ends our side with a close_notify, to be sent.
#[no_mangle]
pub extern "C" fn write_end(connection: i32) -> i32 {
    run(|engine| {
        engine.connection(connection)?.send_close_notify();
        Ok(0)
    })
}

/// The bits 1: the handshake is under way; 2: the session was resumed; 4: the peer has ended its side with a close_notify,
/// and all was read.
#[no_mangle]
pub extern "C" fn state(connection: i32) -> i32 {
    run(|engine| {
        let connection = engine.connection(connection)?;
        let mut bits = 0;
        if connection.is_handshaking() {
            bits |= HANDSHAKING;
        }
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            bits |= RESUMED;
        }
        if peer_has_closed(connection) {
            bits |= ENDED;
        }
        Ok(bits as usize)
    })
}

fn peer_has_closed(connection: &mut ClientConnection) -> bool {
    match connection.process_new_packets() {
        Ok(state) => state.peer_has_closed() && state.plaintext_bytes_to_read() == 0,
        Err(_) => false,
    }
}

/// The protocol version, as in TLS's registry (0x0304 is TLS 1.3); 0 before it is agreed on.
#[no_mangle]
pub extern "C" fn version(connection: i32) -> i32 {
    run(|engine| {
        let version = engine.connection(connection)?.protocol_version();
        Ok(version.map_or(0, |version| usize::from(u16::from(version))))
    })
}

/// Puts the application protocol that was agreed on into the buffer, and gives its length; 0 if there is none.
#[no_mangle]
pub extern "C" fn alpn(connection: i32) -> i32 {
    run(|engine| {
        let connection = engine.connection(connection)?;
        Ok(put(connection.alpn_protocol().unwrap_or_default()))
    })
}

/// Puts the text that goes with the last failure into the buffer, and gives its length in bytes (UTF-8).
#[no_mangle]
pub extern "C" fn detail() -> i32 {
    run(|engine| Ok(put(engine.detail.as_bytes())))
}

fn put(bytes: &[u8]) -> usize {
    let length = bytes.len().min(BUFFER_BYTES);
    room()[..length].copy_from_slice(&bytes[..length]);
    length
}
