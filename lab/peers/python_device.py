"""A device on async-upnp-client's own server: `python_device.py ADDRESS BOOTID`. Runs until SIGTERM, then says byebye."""

import asyncio
import signal
import sys
import xml.etree.ElementTree as ET

from async_upnp_client.client import UpnpStateVariable
from async_upnp_client.const import DeviceInfo, ServiceInfo
from async_upnp_client.exceptions import UpnpActionError, UpnpActionErrorCode
from async_upnp_client.server import (
    UpnpServer,
    UpnpServerDevice,
    UpnpServerService,
    callable_action,
    create_event_var,
    create_state_var,
)


class SwitchPower(UpnpServerService):
    SERVICE_DEFINITION = ServiceInfo(
        service_id="urn:upnp-org:serviceId:SwitchPower",
        service_type="urn:schemas-upnp-org:service:SwitchPower:1",
        control_url="/control",
        event_sub_url="/events",
        scpd_url="/scpd.xml",
        xml=ET.Element("service"),
    )
    STATE_VARIABLE_DEFINITIONS = {
        "Target": create_state_var("boolean", default="0"),
        "Status": create_event_var("boolean", default="0"),
    }

    @callable_action(name="GetStatus", in_args={}, out_args={"ResultStatus": "Status"})
    async def get_status(self) -> dict[str, UpnpStateVariable]:
        return {"ResultStatus": self.state_variable("Status")}

    @callable_action(name="SetTarget", in_args={"newTargetValue": "Target"}, out_args={})
    async def set_target(self, newTargetValue: bool) -> dict[str, UpnpStateVariable]:  # noqa: N803
        if newTargetValue == self.state_variable("Target").value:
            raise UpnpActionError(error_code=UpnpActionErrorCode.ACTION_FAILED, error_desc="It is so already")
        self.state_variable("Target").value = newTargetValue
        self.state_variable("Status").value = newTargetValue
        return {}


class Light(UpnpServerDevice):
    DEVICE_DEFINITION = DeviceInfo(
        device_type="urn:schemas-upnp-org:device:BinaryLight:1",
        friendly_name="Interop python",
        manufacturer="Lab",
        manufacturer_url=None,
        model_description=None,
        model_name="async-upnp-client",
        model_number=None,
        model_url=None,
        serial_number=None,
        udn="uuid:6c61622d-7079-7468-6f6e-000000000001",
        upc=None,
        presentation_url=None,
        url="/device.xml",
        icons=[],
        xml=ET.Element("device"),
    )
    EMBEDDED_DEVICES = []
    SERVICES = [SwitchPower]


async def main() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = UpnpServer(Light, (sys.argv[1], 0), http_port=8400, boot_id=int(sys.argv[2]))
    await server.async_start()
    print("ready", flush=True)
    await stop.wait()
    await server.async_stop()


asyncio.run(main())
