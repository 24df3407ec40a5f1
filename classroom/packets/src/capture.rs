//! From the bytes of a capture to the segments in it.

use anyhow::{Context, Result, anyhow, bail};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_parser::data::{PacketData, get_packetdata};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The size of the read buffer in bytes. No packet on a loopback is longer.
const BUFFER_SIZE: usize = 1 << 18;

/// One of the two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that sent the SYN.
    Client,
    /// The side that received it.
    Server,
}

/// A segment of TCP (RFC 9293, section 3.1): the parts of it that the notes speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The number of its connection in the capture, counted from 0: Wireshark's `tcp.stream`.
    pub stream: usize,
    /// The side that sent it.
    pub from: Side,
    /// When it was captured, by the clock of the capture.
    pub at: Duration,
    /// The number of its first byte, as Wireshark counts: SYN has the number 0.
    pub seq: u32,
    /// The number of the byte that its sender expects next, counted in the same way; 0 without ACK.
    pub acknowledges: u32,
    /// The address and port of the client.
    pub client: SocketAddr,
    /// The address and port of the server.
    pub server: SocketAddr,
    /// Whether it opens its side of the connection.
    pub syn: bool,
    /// Whether it acknowledges what the other side sent.
    pub ack: bool,
    /// Whether the receiver should pass the data to its program at once.
    pub psh: bool,
    /// Whether its sender sends no more data after it.
    pub fin: bool,
    /// Whether it aborts the connection.
    pub rst: bool,
    /// The data, without headers.
    pub payload: Vec<u8>,
}

impl Segment {
    /// Whether it acknowledges data and does nothing else.
    pub fn is_pure_ack(&self) -> bool {
        self.ack && !self.syn && !self.fin && !self.rst && self.payload.is_empty()
    }
}

/// The segments of TCP in a capture, in the order in which they were captured. `bytes` is a file as tcpdump
/// writes it (pcap) or as Wireshark does (pcapng). Packets that are not TCP are left out.
///
/// # Errors
/// A file that is no capture, or that ends in the middle of a packet.
pub fn segments(bytes: &[u8]) -> Result<Vec<Segment>> {
    let mut reader = create_reader(BUFFER_SIZE, bytes)
        .map_err(|error| anyhow!("this is no capture: {error}"))?;
    let mut found = Found::default();
    let mut link = Linktype::ETHERNET;
    // How many parts of a second the clock counts. These are microseconds, if the capture does not say anything else.
    let mut per_second = 1_000_000;
    loop {
        let length = match reader.next() {
            Ok((length, block)) => {
                let packet = match &block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        link = header.network;
                        if header.is_nanosecond_precision() {
                            per_second = 1_000_000_000;
                        }
                        None
                    }
                    // A capture on one interface describes one interface.
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        link = interface.linktype;
                        per_second = interface.ts_resolution().unwrap_or(per_second);
                        None
                    }
                    PcapBlockOwned::Legacy(packet) => {
                        let seconds = Duration::from_secs(packet.ts_sec.into());
                        let at = seconds + time(packet.ts_usec.into(), per_second);
                        Some((packet.data, packet.caplen, at))
                    }
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        let count = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                        Some((packet.data, packet.caplen, time(count, per_second)))
                    }
                    PcapBlockOwned::NG(_) => None,
                };
                if let Some((data, captured, at)) = packet {
                    let data = get_packetdata(data, link, captured as usize);
                    let data = data.context("a packet is not what its capture says")?;
                    add(&mut found, data, at)?;
                }
                length
            }
            Err(PcapError::Eof) => return Ok(found.segments),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|error| anyhow!("the capture is cut off: {error}"))?;
                0
            }
            Err(error) => bail!("the capture cannot be read: {error}"),
        };
        reader.consume(length);
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    segments: Vec<Segment>,
    /// For each connection the number with which the client's numbers begin, and that of the server's.
    begin: Vec<[Option<u32>; 2]>,
}

/// A time, from a clock that counts so many parts of a second.
fn time(count: u64, per_second: u64) -> Duration {
    let part = u128::from(count % per_second) * 1_000_000_000 / u128::from(per_second);
    Duration::new(count / per_second, part as u32)
}

/// Adds the segment in a packet, if there is one.
fn add(found: &mut Found, packet: PacketData, at: Duration) -> Result<()> {
    let Found { segments, begin } = found;
    let packet = match packet {
        PacketData::L2(frame) => SlicedPacket::from_ethernet(frame),
        PacketData::L3(_, packet) => SlicedPacket::from_ip(packet),
        PacketData::L4(..) | PacketData::Unsupported(_) => {
            bail!(
                "the capture is of another kind of network; capture on the loopback or on Ethernet"
            )
        }
    };
    let packet = packet.context("a packet is cut off, or broken")?;
    let (source, destination): (IpAddr, IpAddr) = match &packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        Some(NetSlice::Ipv6(ip)) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into())
        }
        _ => return Ok(()),
    };
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else { return Ok(()) };
    let source = SocketAddr::new(source, tcp.source_port());
    let destination = SocketAddr::new(destination, tcp.destination_port());

    // A pair of addresses is one connection, until a new SYN begins another one with the same pair.
    let known = segments.iter().rev().find(|known| {
        [(source, destination), (destination, source)].contains(&(known.client, known.server))
    });
    let begins = tcp.syn() && !tcp.ack();
    let (stream, client, server) = match known {
        Some(known) if !begins => (known.stream, known.client, known.server),
        _ => {
            begin.push([None, None]);
            (begin.len() - 1, source, destination)
        }
    };
    let from = if source == client { Side::Client } else { Side::Server };
    let [client_begins, server_begins] = &mut begin[stream];
    let (own, other) = match from {
        Side::Client => (client_begins, server_begins),
        Side::Server => (server_begins, client_begins),
    };
    // SYN takes a number. A capture without it begins with the next one.
    let number = tcp.sequence_number();
    let own = *own.get_or_insert(if tcp.syn() { number } else { number.wrapping_sub(1) });
    let expected = tcp.acknowledgment_number();
    let acknowledges = if tcp.ack() {
        let other = *other.get_or_insert(expected.wrapping_sub(1));
        expected.wrapping_sub(other)
    } else {
        0
    };
    segments.push(Segment {
        stream,
        from,
        at,
        seq: number.wrapping_sub(own),
        acknowledges,
        client,
        server,
        syn: tcp.syn(),
        ack: tcp.ack(),
        psh: tcp.psh(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload().to_vec(),
    });
    Ok(())
}
