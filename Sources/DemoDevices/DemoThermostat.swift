import NIOUPnP
import UPnP

/// A room's thermostat (HVAC_ZoneThermostat:1); temperatures are in hundredths of a degree Celsius.
struct DemoThermostat {
    func device(udn: String) -> HostedDevice {
        let sensor = sensor
        return HostedDevice(
            udn: udn, deviceType: "urn:schemas-upnp-org:device:HVAC_ZoneThermostat:1",
            friendlyName: "Latchkey demo thermostat", manufacturer: "Latchkey", modelName: "Demo thermostat",
            services: [setpoint(moving: sensor), sensor]
        )
    }

    private var sensor: HostedService {
        HostedService(
            serviceType: "urn:schemas-upnp-org:service:TemperatureSensor:1",
            serviceID: "urn:upnp-org:serviceId:TemperatureSensor",
            scpd: ServiceShape()
                .variable("CurrentTemperature", .i4, evented: true, initial: "2000")
                .action("GetCurrentTemperature", out: [("CurrentTemp", "CurrentTemperature")])
                .scpd,
            actions: ["GetCurrentTemperature": { $0.answer("CurrentTemp", "CurrentTemperature") }]
        )
    }

    /// The room warms half of the way at each setting, so that an action on one service shows in the other's events.
    private func setpoint(moving sensor: HostedService) -> HostedService {
        HostedService(
            serviceType: "urn:schemas-upnp-org:service:TemperatureSetpoint:1",
            serviceID: "urn:upnp-org:serviceId:TemperatureSetpoint",
            scpd: ServiceShape()
                .variable(
                    "CurrentSetpoint", .i4, evented: true, initial: "2000",
                    range: AllowedValueRange(minimum: "500", maximum: "3000", step: "50")
                )
                .action("SetCurrentSetpoint", in: [("NewCurrentSetpoint", "CurrentSetpoint")])
                .action("GetCurrentSetpoint", out: [("CurrentSP", "CurrentSetpoint")])
                .scpd,
            actions: [
                "SetCurrentSetpoint": { call in
                    guard case .i4(let wanted)? = call["NewCurrentSetpoint"] else { throw UPnPFault(.invalidArgs) }
                    say("thermostat setpoint=\(wanted)")
                    await call.publish("CurrentSetpoint", "\(wanted)")
                    let current = sensor["CurrentTemperature"].flatMap { Int32($0) } ?? wanted
                    await sensor.publish([EventProperty("CurrentTemperature", "\((current + wanted) / 2)")])
                    return []
                },
                "GetCurrentSetpoint": { $0.answer("CurrentSP", "CurrentSetpoint") },
            ]
        )
    }
}
