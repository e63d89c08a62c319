# Follows deliveries with each of Python gql's WebSocket transports as they are by default, and asks over HTTP.
#   python gql_live.py http://127.0.0.1:8080 TOKEN
# Prints, for each, the positions of the first three deliveries, or what went wrong.
import asyncio
import json
import sys

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.aiohttp_websockets import AIOHTTPWebsocketsTransport
from gql.transport.websockets import WebsocketsTransport

base, token = sys.argv[1:]
url = base + "/graphql"
socket_url = url.replace("http", "ws", 1)
headers = {"Authorization": "Bearer " + token}
COUNT = 3


async def followed(transport):
    positions = []
    async with Client(transport=transport) as session:
        async for told in session.subscribe(gql('subscription { deliveries(after: "0") { position } }')):
            positions.append(told["deliveries"]["position"])
            if len(positions) == COUNT:
                return positions


async def asked(transport):
    async with Client(transport=transport) as session:
        told = await session.execute(gql("query ($count: Int) { deliveries(first: $count) { nodes { position } } }"),
                                     variable_values={"count": COUNT})
        return [node["position"] for node in told["deliveries"]["nodes"]]


async def main():
    saw = {}
    for name, work, transport in [
        ("websockets", followed, WebsocketsTransport(url=socket_url, headers=headers)),
        ("websockets, in the first message", followed, WebsocketsTransport(url=socket_url, init_payload=headers)),
        ("websockets, in the first message's headers", followed,
         WebsocketsTransport(url=socket_url, init_payload={"headers": headers})),
        ("aiohttp", followed, AIOHTTPWebsocketsTransport(url=socket_url, headers=headers)),
        ("http", asked, AIOHTTPTransport(url=url, headers=headers)),
    ]:
        try:
            saw[name] = await asyncio.wait_for(work(transport), 60)
        except Exception as error:
            saw[name] = repr(error.__cause__ or error)
    print(json.dumps(saw))


asyncio.run(main())
