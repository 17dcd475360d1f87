import NIOUPnP

/// A room's thermostat (HVAC_ZoneThermostat:1); temperatures are in hundredths of a degree Celsius.
struct DemoThermostat {
    private let temperature = HostedVariable<Int32>("CurrentTemperature", 2000, evented: true)
    private let setpoint = HostedVariable<Int32>("CurrentSetpoint", 2000, in: 500...3000, step: 50, evented: true)

    func device(udn: String) -> HostedDevice {
        HostedDevice(
            type: "urn:schemas-upnp-org:device:HVAC_ZoneThermostat:1", name: "Latchkey demo thermostat",
            manufacturer: "Latchkey", model: "Demo thermostat", udn: udn
        ) {
            HostedService("urn:schemas-upnp-org:service:TemperatureSetpoint:1") {
                HostedAction("SetCurrentSetpoint", in: setpoint.argument("NewCurrentSetpoint")) { wanted in
                    say("thermostat setpoint=\(wanted)")
                    await setpoint.set(wanted)
                    // The room warms half of the way at each setting, so that an action on one service shows in
                    // the other's events.
                    await temperature.set((temperature.value + wanted) / 2)
                }
                HostedAction("GetCurrentSetpoint", out: setpoint.argument("CurrentSP")) { setpoint.value }
            }
            HostedService("urn:schemas-upnp-org:service:TemperatureSensor:1") {
                HostedAction("GetCurrentTemperature", out: temperature.argument("CurrentTemp")) { temperature.value }
            }
        }
    }
}
