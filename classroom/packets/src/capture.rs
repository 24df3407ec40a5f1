//! From the bytes of a capture to the segments in it.

use anyhow::{Context, Result, anyhow, bail};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use pcap_parser::data::{PacketData, get_packetdata};
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};
use std::net::{IpAddr, SocketAddr};

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
    let mut segments = Vec::new();
    let mut link = Linktype::ETHERNET;
    loop {
        let length = match reader.next() {
            Ok((length, block)) => {
                let packet = match &block {
                    PcapBlockOwned::LegacyHeader(header) => {
                        link = header.network;
                        None
                    }
                    // A capture on one interface describes one interface.
                    PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
                        link = interface.linktype;
                        None
                    }
                    PcapBlockOwned::Legacy(packet) => Some((packet.data, packet.caplen)),
                    PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                        Some((packet.data, packet.caplen))
                    }
                    PcapBlockOwned::NG(_) => None,
                };
                if let Some((data, captured)) = packet {
                    let data = get_packetdata(data, link, captured as usize);
                    add(&mut segments, data.context("a packet is not what its capture says")?)?;
                }
                length
            }
            Err(PcapError::Eof) => return Ok(segments),
            Err(PcapError::Incomplete(_)) => {
                reader.refill().map_err(|error| anyhow!("the capture is cut off: {error}"))?;
                0
            }
            Err(error) => bail!("the capture cannot be read: {error}"),
        };
        reader.consume(length);
    }
}

/// Adds the segment in a packet, if there is one.
fn add(segments: &mut Vec<Segment>, packet: PacketData) -> Result<()> {
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
            (segments.iter().map(|known| known.stream + 1).max().unwrap_or(0), source, destination)
        }
    };
    segments.push(Segment {
        stream,
        from: if source == client { Side::Client } else { Side::Server },
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
