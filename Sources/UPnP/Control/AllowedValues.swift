extension StateVariable {
    /// The text as a value of this variable, within its range and list; the fault says what is wrong.
    public func value(of text: String) throws(UPnPFault) -> UPnPValue {
        guard let value = UPnPValue(text, as: dataType) else {
            let isNumber =
                dataType.isInteger && UPnPValue(text, as: .r8) != nil && !text.contains { ".eE".contains($0) }
            throw UPnPFault(isNumber ? .argumentValueInvalid : .invalidArgs)
        }
        if let allowedRange, !allowedRange.contains(value) { throw UPnPFault(.argumentValueOutOfRange) }
        if dataType == .string, !allowedValues.isEmpty, !allowedValues.contains(text) {
            throw UPnPFault(.argumentValueOutOfRange)
        }
        return value
    }
}

extension StateVariable {
    /// The text of a value for this variable: of its type, within its range and list.
    ///
    /// The fault is 402 for a value that the type cannot be made of, 600 for a number that the type cannot
    /// hold, 601 for one outside the range or list. A host that was about to send such a value answers with
    /// ``UPnPErrorCode/actionFailed``.
    public func text(of value: UPnPValue) throws(UPnPFault) -> String {
        guard let converted = value.converted(to: dataType) else {
            throw UPnPFault(value.double != nil && dataType.isNumber ? .argumentValueInvalid : .invalidArgs)
        }
        return try self.value(of: converted.text).text
    }
}

extension AllowedValueRange {
    /// Whether a number lies between the bounds, both included. What is no number is not bound.
    public func contains(_ value: UPnPValue) -> Bool {
        switch value {
        case .ui1, .ui2, .ui4, .ui8, .i1, .i2, .i4, .i8, .int:
            guard let number = Int128(value.text) else { return true }
            return Self.isOrdered(minimum, number) && Self.isOrdered(number, maximum)
        case .r4, .r8, .number, .float, .fixed14Point4:
            guard let number = UPnPNumber.double(value.text) else { return true }
            return (UPnPNumber.double(minimum).map { $0 <= number } ?? true)
                && (UPnPNumber.double(maximum).map { number <= $0 } ?? true)
        default:
            return true
        }
    }

    /// Whether a number is the least value plus a whole number of steps, as far as ten-thousandths tell;
    /// true where there is no step, or no least value to count from.
    ///
    /// A step is for user interfaces (UDA 2.0 §2.5): devices take values between steps, and so do we.
    public func isOnStep(_ value: UPnPValue) -> Bool {
        guard let step = step.flatMap({ UPnPNumber.fixed($0) }), step > 0, let first = UPnPNumber.fixed(minimum) else {
            return true
        }
        guard let text = UPnPNumber.plainText(value.text) else { return true }
        guard let number = UPnPNumber.fixed(text) else { return false }
        let (distance, overflows) = number.subtractingReportingOverflow(first)
        return !overflows && distance % step == 0
    }

    private static func isOrdered(_ bound: String, _ number: Int128) -> Bool {
        if let bound = Int128(bound) { return bound <= number }
        return UPnPNumber.double(bound).map { $0 <= Double(number) } ?? true
    }

    private static func isOrdered(_ number: Int128, _ bound: String) -> Bool {
        if let bound = Int128(bound) { return number <= bound }
        return UPnPNumber.double(bound).map { Double(number) <= $0 } ?? true
    }
}
