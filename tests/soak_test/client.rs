//! The client of the site's PostgreSQL: it writes numbered rows all the time, and says which were acknowledged.

use std::io::{BufReader, Error, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may be silent before the client connects anew.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Between two rows.
const PAUSE: Duration = Duration::from_millis(50);

/// A session, in the simple protocol of PostgreSQL.
struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    fn open(address: &SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect_timeout(address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut session = Self { stream: BufReader::new(stream) };
        let words = b"user\0postgres\0database\0postgres\0\0";
        let mut startup = 0x0003_0000_u32.to_be_bytes().to_vec();
        startup.extend_from_slice(words);
        session.send(None, &startup)?;
        session.until_ready()?;
        Ok(session)
    }

    fn send(&mut self, kind: Option<u8>, body: &[u8]) -> Result<(), Error> {
        let mut bytes: Vec<u8> = kind.into_iter().collect();
        let length = u32::try_from(body.len() + 4).map_err(Error::other)?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes)
    }

    /// Reads until the server is ready for a query; what the last command's tag was.
    fn until_ready(&mut self) -> Result<String, Error> {
        let mut tag = String::new();
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head)?;
            let [kind, length @ ..] = head;
            let length = u32::from_be_bytes(length).saturating_sub(4);
            let mut body = vec![0; usize::try_from(length).map_err(Error::other)?];
            self.stream.read_exact(&mut body)?;
            let text = || String::from_utf8_lossy(&body).replace('\0', " ").trim().to_owned();
            match kind {
                b'Z' => return Ok(tag),
                b'E' => return Err(Error::other(text())),
                b'C' => tag = text(),
                _ => {}
            }
        }
    }

    fn insert(&mut self, row: u64) -> Result<(), Error> {
        self.send(Some(b'Q'), format!("insert into rows values ({row})\0").as_bytes())?;
        let tag = self.until_ready()?;
        if tag == "INSERT 0 1" { Ok(()) } else { Err(Error::other(tag)) }
    }
}

/// Writes until nobody reads what it says any more.
pub(crate) fn write_for_ever(address: &str) -> ExitCode {
    let address: SocketAddr = address.parse().expect("an address and a port");
    let mut session = None;
    let mut row = 0;
    loop {
        let mut open = match session.take().map_or_else(|| Session::open(&address), Ok) {
            Ok(open) => open,
            Err(error) => {
                println!("away {error}");
                std::thread::sleep(PAUSE);
                continue;
            }
        };
        row += 1;
        match open.insert(row) {
            Ok(()) => {
                println!("row {row}");
                session = Some(open);
            }
            Err(error) => println!("lost {row} {error}"),
        }
        std::thread::sleep(PAUSE);
    }
}
